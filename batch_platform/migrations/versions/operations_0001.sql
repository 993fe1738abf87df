-- Runs as users see them. The ledger is copied from Dagster's storage and can be rebuilt from it as long as Dagster
-- keeps its runs; what people decided (dead letters, discards) stands only here.

CREATE SCHEMA operations;
COMMENT ON SCHEMA operations IS 'Jobs, their runs, dead letters, deadlines, incidents and notifications.';

CREATE TABLE operations.jobs (
    name              text PRIMARY KEY CHECK (name <> ''),
    id                text NOT NULL,
    max_duration      interval NOT NULL CHECK (max_duration > interval '0'),
    grace             interval NOT NULL CHECK (grace >= interval '0'),
    trigger_kind      text CHECK (trigger_kind IN ('schedule', 'sensor')),
    trigger_name      text,
    cron              text,
    every             interval,
    enabled           boolean NOT NULL,
    registered_at     timestamptz NOT NULL,
    judged_from       timestamptz NOT NULL,
    retired_at        timestamptz,
    next_due_at       timestamptz,
    trigger_running   boolean,
    last_good_tick_at timestamptz,
    last_tick_error   text,
    CHECK ((trigger_kind IS NULL) = (trigger_name IS NULL)),
    CHECK ((trigger_kind = 'schedule') = (cron IS NOT NULL)),
    CHECK ((trigger_kind = 'sensor') = (every IS NOT NULL))
);
COMMENT ON TABLE operations.jobs IS 'The job registry as last seen by the monitor, and how each trigger stands.';
COMMENT ON COLUMN operations.jobs.grace IS 'How long after its due moment a run may be asked for.';
COMMENT ON COLUMN operations.jobs.judged_from IS
    'Nothing is expected before: when the job was registered, or its trigger was changed or switched on.';
COMMENT ON COLUMN operations.jobs.retired_at IS 'When the registry ceased to hold the job.';
COMMENT ON COLUMN operations.jobs.trigger_running IS 'Whether Dagster says so; NULL before it knows the trigger.';
COMMENT ON COLUMN operations.jobs.last_good_tick_at IS 'Last look of the schedule or sensor that did not fail.';

CREATE TABLE operations.due_moments (
    job          text NOT NULL REFERENCES operations.jobs,
    due_at       timestamptz NOT NULL,
    deadline_at  timestamptz NOT NULL CHECK (deadline_at >= due_at),
    met_at       timestamptz,
    met_by       text CHECK (met_by IN ('tick', 'run')),
    PRIMARY KEY (job, due_at),
    CHECK ((met_at IS NULL) = (met_by IS NULL))
);
COMMENT ON TABLE operations.due_moments IS 'The calendar of each schedule, and which of its moments were met.';
COMMENT ON COLUMN operations.due_moments.met_at IS 'When it was noticed; NULL past the deadline is a gap.';
COMMENT ON COLUMN operations.due_moments.met_by IS
    'tick: the schedule looked at this moment. run: somebody ran the job by hand afterwards.';
CREATE INDEX due_moments_unmet ON operations.due_moments (job, due_at) WHERE met_at IS NULL;

CREATE TABLE operations.job_runs (
    run_id             text PRIMARY KEY,
    job                text NOT NULL,
    dagster_job        text NOT NULL,
    partition          text,
    partition_end      text,
    parameters         jsonb NOT NULL,
    trigger            text NOT NULL CHECK (trigger IN ('schedule', 'sensor', 'backfill', 'manual', 'retry')),
    requested_by       text,
    dry_run            boolean NOT NULL,
    status             text NOT NULL CHECK (status IN
                       ('queued', 'starting', 'running', 'canceling', 'success', 'failure', 'canceled')),
    created_at         timestamptz NOT NULL,
    started_at         timestamptz,
    ended_at           timestamptz,
    updated_at         timestamptz NOT NULL,
    attempts           integer NOT NULL CHECK (attempts >= 0),
    cause              text,
    root_run_id        text NOT NULL,
    will_retry         boolean,
    dead_letter_id     text,
    dead_letter_retry  integer,
    idempotency_key    text,
    config             jsonb NOT NULL,
    tags               jsonb NOT NULL,
    letter_id          text NOT NULL GENERATED ALWAYS AS (coalesce(dead_letter_id, root_run_id)) STORED,
    CHECK (partition_end IS NULL OR partition IS NOT NULL),
    CHECK ((status IN ('success', 'failure', 'canceled')) = (ended_at IS NOT NULL))
);
COMMENT ON TABLE operations.job_runs IS 'One row a Dagster run of a registered job; stays when Dagster purges its own.';
COMMENT ON COLUMN operations.job_runs.partition IS 'Partition key, or the first one of a range.';
COMMENT ON COLUMN operations.job_runs.partition_end IS 'Last key of a range; NULL for a single partition.';
COMMENT ON COLUMN operations.job_runs.updated_at IS 'As Dagster has it; an older copy never overwrites a newer one.';
COMMENT ON COLUMN operations.job_runs.attempts IS 'Most attempts any step took; known at the end.';
COMMENT ON COLUMN operations.job_runs.cause IS 'Why it failed: one sentence without secrets.';
COMMENT ON COLUMN operations.job_runs.root_run_id IS 'First run of its group of re-executions; itself if none.';
COMMENT ON COLUMN operations.job_runs.will_retry IS
    'Whether Dagster starts a failed run again by itself; NULL until it has decided.';
COMMENT ON COLUMN operations.job_runs.letter_id IS 'The dead letter that a failure of this run makes or belongs to.';
CREATE INDEX job_runs_of_job ON operations.job_runs (job, created_at DESC, run_id DESC);
CREATE INDEX job_runs_going ON operations.job_runs (job, status) WHERE ended_at IS NULL;
CREATE INDEX job_runs_failed ON operations.job_runs (letter_id, ended_at) WHERE status = 'failure';
CREATE INDEX job_runs_succeeded ON operations.job_runs (job, ended_at) WHERE status = 'success' AND NOT dry_run;
CREATE INDEX job_runs_letter ON operations.job_runs (letter_id);
CREATE INDEX job_runs_place ON operations.job_runs (job, partition, created_at) WHERE status = 'success';
CREATE INDEX job_runs_idempotency ON operations.job_runs (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE operations.dead_letters (
    id                text PRIMARY KEY,
    job               text NOT NULL,
    dagster_job       text NOT NULL,
    partition         text,
    partition_end     text,
    parameters        jsonb NOT NULL,
    cause             text,
    attempts          integer NOT NULL CHECK (attempts > 0),
    state             text NOT NULL CHECK (state IN ('open', 'retrying', 'resolved', 'discarded')),
    version           integer NOT NULL CHECK (version > 0),
    failed_at         timestamptz NOT NULL,
    run_id            text NOT NULL,
    retries           integer NOT NULL CHECK (retries >= 0),
    retry_run_id      text,
    changed_at        timestamptz NOT NULL,
    changed_by        text,
    reason            text CHECK (reason <> ''),
    resolved_by_run   text,
    config            jsonb NOT NULL,
    tags              jsonb NOT NULL,
    CHECK ((state = 'discarded') = (reason IS NOT NULL)),
    CHECK ((state = 'resolved') = (resolved_by_run IS NOT NULL)),
    CHECK ((state = 'retrying') = (retry_run_id IS NOT NULL))
);
COMMENT ON TABLE operations.dead_letters IS 'A run, with its automatic re-executions, that used its attempts.';
COMMENT ON COLUMN operations.dead_letters.id IS 'Run id of the first run of the group.';
COMMENT ON COLUMN operations.dead_letters.attempts IS 'Of all its runs, retries from here included.';
COMMENT ON COLUMN operations.dead_letters.version IS 'Grows with every change; a decision made on an older one is refused.';
COMMENT ON COLUMN operations.dead_letters.run_id IS 'The run that failed last.';
COMMENT ON COLUMN operations.dead_letters.retries IS 'How often somebody asked for it to be run again.';
COMMENT ON COLUMN operations.dead_letters.retry_run_id IS
    'The run of the present retry, derived from the letter and the number of the retry before it is asked for.';
COMMENT ON COLUMN operations.dead_letters.reason IS 'Why it was discarded.';
CREATE INDEX dead_letters_newest ON operations.dead_letters (failed_at DESC, id DESC);
CREATE INDEX dead_letters_unsettled ON operations.dead_letters (job) WHERE state IN ('open', 'retrying');

CREATE TABLE operations.incidents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule         text NOT NULL,
    subject      text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('critical', 'warning')),
    job          text,
    summary      text NOT NULL,
    opened_at    timestamptz NOT NULL,
    resolved_at  timestamptz CHECK (resolved_at >= opened_at),
    resolution   text,
    CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
COMMENT ON TABLE operations.incidents IS 'What a rule found, from its first sight until the rule finds it no more.';
COMMENT ON COLUMN operations.incidents.subject IS 'What it is about, in the rule''s own terms: a run, a job, a queue.';
CREATE UNIQUE INDEX incidents_open ON operations.incidents (rule, subject) WHERE resolved_at IS NULL;
CREATE INDEX incidents_newest ON operations.incidents (opened_at DESC, id DESC);

CREATE TABLE operations.notifications (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id      bigint NOT NULL REFERENCES operations.incidents ON DELETE CASCADE,
    kind             text NOT NULL CHECK (kind IN ('opened', 'resolved')),
    created_at       timestamptz NOT NULL,
    delivered        text[] NOT NULL DEFAULT '{}',
    attempts         integer NOT NULL DEFAULT 0,
    next_attempt_at  timestamptz NOT NULL,
    sent_at          timestamptz,
    given_up_at      timestamptz,
    last_error       text,
    UNIQUE (incident_id, kind)
);
COMMENT ON TABLE operations.notifications IS 'The outbox: written with the incident, sent afterwards, at least once.';
COMMENT ON COLUMN operations.notifications.delivered IS
    'Fingerprints of the destinations that took it; an address may hold a secret and never stands here.';
COMMENT ON COLUMN operations.notifications.sent_at IS 'When the last destination had taken it.';
CREATE INDEX notifications_due ON operations.notifications (next_attempt_at)
    WHERE sent_at IS NULL AND given_up_at IS NULL;

CREATE TABLE operations.queues (
    name         text PRIMARY KEY,
    size         bigint NOT NULL CHECK (size >= 0),
    measured_at  timestamptz NOT NULL
);
COMMENT ON TABLE operations.queues IS 'How much waits, as the monitor last saw it.';

CREATE TABLE operations.marks (
    name  text PRIMARY KEY,
    at    timestamptz NOT NULL,
    place text
);
COMMENT ON TABLE operations.marks IS 'How far the monitor''s duties have come.';
COMMENT ON COLUMN operations.marks.place IS 'Where a long duty goes on; NULL when it is done.';

-- When something must have been seen of a job at the latest; in the past, it is overdue. A schedule's first unmet
-- moment after the last one met counts, or the next one to come; a sensor's last good look plus its interval.
CREATE VIEW operations.job_deadlines AS
SELECT j.name AS job,
       CASE j.trigger_kind
           WHEN 'sensor' THEN greatest(j.last_good_tick_at, j.judged_from) + j.every + j.grace
           ELSE coalesce(
               (SELECT min(d.deadline_at) FROM operations.due_moments d
                WHERE d.job = j.name AND d.met_at IS NULL AND d.due_at > j.judged_from AND d.due_at > coalesce(
                    (SELECT max(m.due_at) FROM operations.due_moments m WHERE m.job = j.name AND m.met_at IS NOT NULL),
                    '-infinity')),
               j.next_due_at + j.grace)
       END AS deadline_at
FROM operations.jobs j
WHERE j.trigger_kind IS NOT NULL AND j.enabled AND j.retired_at IS NULL;
COMMENT ON VIEW operations.job_deadlines IS 'The next deadline of each enabled job, or the one it has missed.';
