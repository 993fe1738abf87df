-- A job may be started by several schedules, each in its own time zone, and by a sensor beside them.

DROP VIEW operations.job_deadlines;

CREATE TABLE operations.triggers (
    job               text NOT NULL REFERENCES operations.jobs,
    name              text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('schedule', 'sensor')),
    cron              text,
    time_zone         text,
    every             interval,
    enabled           boolean NOT NULL,
    judged_from       timestamptz NOT NULL,
    next_due_at       timestamptz,
    calendar_error    text,
    running           boolean,
    last_good_tick_at timestamptz,
    last_tick_error   text,
    PRIMARY KEY (job, name),
    CHECK ((kind = 'schedule') = (cron IS NOT NULL)),
    CHECK ((kind = 'schedule') = (time_zone IS NOT NULL)),
    CHECK ((kind = 'sensor') = (every IS NOT NULL))
);
COMMENT ON TABLE operations.triggers IS 'The schedules and sensors of each job, and how they stand.';
COMMENT ON COLUMN operations.triggers.judged_from IS
    'Nothing is expected before: when it was registered, changed or switched on.';
COMMENT ON COLUMN operations.triggers.calendar_error IS 'Why the due moments of its cron cannot be told; NULL: they can.';
COMMENT ON COLUMN operations.triggers.running IS 'Whether Dagster says so; NULL before it knows the trigger.';
COMMENT ON COLUMN operations.triggers.last_good_tick_at IS 'Last look that did not fail.';

INSERT INTO operations.triggers
SELECT name, trigger_name, trigger_kind, cron, CASE WHEN cron IS NOT NULL THEN 'Asia/Tokyo' END, every, enabled,
       judged_from, next_due_at, calendar_error, trigger_running, last_good_tick_at, last_tick_error
FROM operations.jobs
WHERE trigger_name IS NOT NULL AND retired_at IS NULL;

ALTER TABLE operations.due_moments ADD COLUMN trigger text;
UPDATE operations.due_moments d SET trigger = t.name
FROM operations.triggers t WHERE t.job = d.job AND t.kind = 'schedule';
DELETE FROM operations.due_moments WHERE trigger IS NULL;
ALTER TABLE operations.due_moments
    DROP CONSTRAINT due_moments_pkey,
    ADD PRIMARY KEY (job, trigger, due_at),
    ADD FOREIGN KEY (job, trigger) REFERENCES operations.triggers ON DELETE CASCADE;
DROP INDEX operations.due_moments_unmet;
CREATE INDEX due_moments_unmet ON operations.due_moments (job, trigger, due_at) WHERE met_at IS NULL;

ALTER TABLE operations.jobs
    DROP COLUMN trigger_kind, DROP COLUMN trigger_name, DROP COLUMN cron, DROP COLUMN every, DROP COLUMN enabled,
    DROP COLUMN judged_from, DROP COLUMN next_due_at, DROP COLUMN trigger_running, DROP COLUMN last_good_tick_at,
    DROP COLUMN last_tick_error, DROP COLUMN calendar_error;
COMMENT ON TABLE operations.jobs IS 'The job registry as last seen by the monitor.';

-- When something must have been seen of a trigger at the latest; in the past, it is overdue. A schedule's first unmet
-- moment after the last one met counts, or the next one to come; a sensor's last good look plus its interval.
CREATE VIEW operations.trigger_deadlines AS
SELECT t.job, t.name,
       CASE t.kind
           WHEN 'sensor' THEN greatest(t.last_good_tick_at, t.judged_from) + t.every + j.grace
           ELSE coalesce(
               (SELECT min(d.deadline_at) FROM operations.due_moments d
                WHERE d.job = t.job AND d.trigger = t.name AND d.met_at IS NULL AND d.due_at > t.judged_from
                  AND d.due_at > coalesce(
                    (SELECT max(m.due_at) FROM operations.due_moments m
                     WHERE m.job = t.job AND m.trigger = t.name AND m.met_at IS NOT NULL),
                    '-infinity')),
               t.next_due_at + j.grace)
       END AS deadline_at
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.enabled AND j.retired_at IS NULL;
COMMENT ON VIEW operations.trigger_deadlines IS 'The next deadline of each enabled trigger, or the one it has missed.';

CREATE VIEW operations.job_deadlines AS
SELECT job, min(deadline_at) AS deadline_at FROM operations.trigger_deadlines GROUP BY job;
COMMENT ON VIEW operations.job_deadlines IS 'The earliest deadline of each job that is started by itself.';
