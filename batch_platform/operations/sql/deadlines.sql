-- The calendar: what is expected of each schedule and sensor, and what has been seen of it.

-- name: save_jobs
INSERT INTO operations.jobs AS known (name, id, max_duration, grace, off_limit, registered_at)
SELECT name, id, max_duration, grace, off_limit, %(now)s
FROM unnest(
    %(names)s::text[], %(ids)s::text[], %(max_durations)s::interval[], %(graces)s::interval[], %(off_limits)s::interval[]
) AS registered (name, id, max_duration, grace, off_limit)
ON CONFLICT (name) DO UPDATE SET
    id = excluded.id, max_duration = excluded.max_duration, grace = excluded.grace, off_limit = excluded.off_limit,
    retired_at = NULL
WHERE (known.id, known.max_duration, known.grace, known.off_limit, known.retired_at)
      IS DISTINCT FROM (excluded.id, excluded.max_duration, excluded.grace, excluded.off_limit, NULL::timestamptz)

-- name: retire_jobs
UPDATE operations.jobs SET retired_at = %(now)s
WHERE retired_at IS NULL AND name <> ALL(%(names)s)

-- name: register_triggers
-- Judged anew when a trigger is changed or switched on: nothing is expected of the time before.
INSERT INTO operations.triggers AS known (job, name, kind, cron, time_zone, every, enabled, judged_from)
SELECT job, name, kind, cron, time_zone, every, enabled, %(now)s
FROM unnest(
    %(jobs)s::text[], %(names)s::text[], %(kinds)s::text[], %(crons)s::text[], %(time_zones)s::text[],
    %(everies)s::interval[], %(enabled)s::boolean[]
) AS registered (job, name, kind, cron, time_zone, every, enabled)
ON CONFLICT (job, name) DO UPDATE SET
    kind = excluded.kind, cron = excluded.cron, time_zone = excluded.time_zone, every = excluded.every,
    enabled = excluded.enabled,
    judged_from = CASE
        WHEN (known.kind, known.cron, known.time_zone) IS NOT DISTINCT FROM (excluded.kind, excluded.cron, excluded.time_zone)
             AND (known.enabled OR NOT excluded.enabled)
        THEN known.judged_from ELSE excluded.judged_from END
WHERE (known.kind, known.cron, known.time_zone, known.every, known.enabled)
      IS DISTINCT FROM (excluded.kind, excluded.cron, excluded.time_zone, excluded.every, excluded.enabled)

-- name: forget_triggers
-- What the registry holds no more, with its calendar.
DELETE FROM operations.triggers t
WHERE NOT EXISTS (
    SELECT FROM unnest(%(jobs)s::text[], %(names)s::text[]) AS registered (job, name)
    WHERE registered.job = t.job AND registered.name = t.name)

-- name: calendars
-- From where on each schedule's moments are still to be written down.
SELECT t.job, t.name AS trigger, t.cron, t.time_zone, j.grace,
       greatest(t.judged_from, %(horizon)s, (
           SELECT max(d.due_at) FROM operations.due_moments d WHERE d.job = t.job AND d.trigger = t.name)) AS written_to
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'schedule' AND t.enabled AND j.retired_at IS NULL

-- name: save_due_moments
INSERT INTO operations.due_moments (job, trigger, due_at, deadline_at)
SELECT job, trigger, due_at, deadline_at
FROM unnest(%(jobs)s::text[], %(triggers)s::text[], %(dues)s::timestamptz[], %(deadlines)s::timestamptz[])
     AS due (job, trigger, due_at, deadline_at)
ON CONFLICT DO NOTHING

-- name: save_calendars
-- The next moment of each calendar, or why it cannot be read.
UPDATE operations.triggers t SET next_due_at = n.due_at, calendar_error = n.error, calendar_error_message = n.message
FROM unnest(%(jobs)s::text[], %(triggers)s::text[], %(nexts)s::timestamptz[], %(errors)s::text[], %(messages)s::jsonb[])
     AS n (job, name, due_at, error, message)
WHERE (t.job, t.name) = (n.job, n.name) AND (t.next_due_at, t.calendar_error) IS DISTINCT FROM (n.due_at, n.error)

-- name: triggers
-- Since when the ticks of each trigger are worth looking at: its oldest unmet moment, or its last good look.
SELECT t.job, t.name,
       CASE t.kind
           WHEN 'sensor' THEN coalesce(t.last_good_tick_at, t.judged_from)
           ELSE coalesce((SELECT min(d.due_at) FROM operations.due_moments d
                          WHERE d.job = t.job AND d.trigger = t.name AND d.met_at IS NULL AND d.due_at > %(horizon)s),
                         %(now)s)
       END AS since
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE j.retired_at IS NULL

-- name: save_switch
-- What somebody has just done in Dagster, for whoever looks before the monitor does.
UPDATE operations.triggers
SET running = %(running)s, stopped_at = CASE WHEN NOT %(running)s THEN coalesce(stopped_at, %(now)s) END
WHERE name = %(name)s

-- name: save_triggers
UPDATE operations.triggers t
SET running = s.running, stopped_at = CASE WHEN NOT s.running THEN coalesce(t.stopped_at, %(now)s) END,
    last_tick_error = s.error, last_tick_error_message = s.message,
    last_good_tick_at = greatest(t.last_good_tick_at, s.good_at)
FROM unnest(%(jobs)s::text[], %(names)s::text[], %(running)s::boolean[], %(good_ats)s::timestamptz[], %(errors)s::text[],
            %(messages)s::jsonb[]) AS s (job, name, running, good_at, error, message)
WHERE (t.job, t.name) = (s.job, s.name)
  AND (t.running, t.last_tick_error, t.last_good_tick_at)
      IS DISTINCT FROM (s.running, s.error, greatest(t.last_good_tick_at, s.good_at))

-- name: met_by_ticks
UPDATE operations.due_moments d SET met_at = %(now)s, met_by = 'tick'
FROM unnest(%(jobs)s::text[], %(names)s::text[], %(ats)s::timestamptz[]) AS tick (job, name, at)
WHERE d.job = tick.job AND d.trigger = tick.name AND d.due_at = tick.at AND d.met_at IS NULL

-- name: met_by_runs
-- Whoever ran the job by hand after a missed moment has made up for it; for that moment, not for older ones.
UPDATE operations.due_moments d SET met_at = r.ended_at, met_by = 'run'
FROM operations.job_runs r
WHERE d.met_at IS NULL AND d.deadline_at <= %(now)s AND d.due_at > %(horizon)s
  AND r.job = d.job AND r.status = 'success' AND NOT r.dry_run AND r.trigger = 'manual' AND r.created_at >= d.due_at
  AND r.dagster_job <> '__ASSET_JOB'  -- of some of its assets alone
  AND NOT EXISTS (
      SELECT FROM operations.due_moments later
      WHERE later.job = d.job AND later.trigger = d.trigger AND later.due_at > d.due_at
        AND later.due_at <= r.created_at)

-- name: missing
SELECT d.job, d.due_at, d.deadline_at, d.deadline_at <= %(now)s AS overdue, d.trigger AS schedule
FROM operations.due_moments d
JOIN operations.triggers t ON (t.job, t.name) = (d.job, d.trigger) AND t.enabled
JOIN operations.jobs j ON j.name = d.job AND j.retired_at IS NULL
WHERE d.met_at IS NULL AND d.due_at > t.judged_from AND d.due_at > %(horizon)s AND d.job = ANY(%(names)s)
ORDER BY d.job, d.due_at, d.trigger
