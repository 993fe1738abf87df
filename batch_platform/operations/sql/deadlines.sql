-- The calendar: what is expected of each schedule and sensor, and what has been seen of it.

-- name: save_jobs
-- Judged anew when a trigger is changed or switched on: nothing is expected of the time before.
INSERT INTO operations.jobs AS known (
    name, id, max_duration, grace, trigger_kind, trigger_name, cron, every, enabled, registered_at, judged_from
)
SELECT name, id, max_duration, grace, trigger_kind, trigger_name, cron, every, enabled, %(now)s, %(now)s
FROM unnest(
    %(names)s::text[], %(ids)s::text[], %(max_durations)s::interval[], %(graces)s::interval[], %(kinds)s::text[],
    %(triggers)s::text[], %(crons)s::text[], %(everies)s::interval[], %(enabled)s::boolean[]
) AS registered (name, id, max_duration, grace, trigger_kind, trigger_name, cron, every, enabled)
ON CONFLICT (name) DO UPDATE SET
    id = excluded.id, max_duration = excluded.max_duration, grace = excluded.grace,
    trigger_kind = excluded.trigger_kind, trigger_name = excluded.trigger_name, cron = excluded.cron,
    every = excluded.every, enabled = excluded.enabled, retired_at = NULL,
    judged_from = CASE
        WHEN (known.trigger_kind, known.trigger_name, known.cron)
             IS NOT DISTINCT FROM (excluded.trigger_kind, excluded.trigger_name, excluded.cron)
             AND known.retired_at IS NULL AND (known.enabled OR NOT excluded.enabled)
        THEN known.judged_from ELSE excluded.judged_from END
WHERE (known.id, known.max_duration, known.grace, known.trigger_kind, known.trigger_name, known.cron, known.every,
       known.enabled, known.retired_at)
      IS DISTINCT FROM
      (excluded.id, excluded.max_duration, excluded.grace, excluded.trigger_kind, excluded.trigger_name,
       excluded.cron, excluded.every, excluded.enabled, NULL::timestamptz)

-- name: retire_jobs
UPDATE operations.jobs SET retired_at = %(now)s, next_due_at = NULL
WHERE retired_at IS NULL AND name <> ALL(%(names)s)

-- name: calendars
-- From where on each schedule's moments are still to be written down.
SELECT j.name, j.cron, j.grace,
       greatest(j.judged_from, %(horizon)s, (
           SELECT max(d.due_at) FROM operations.due_moments d WHERE d.job = j.name)) AS written_to
FROM operations.jobs j
WHERE j.trigger_kind = 'schedule' AND j.enabled AND j.retired_at IS NULL

-- name: save_due_moments
INSERT INTO operations.due_moments (job, due_at, deadline_at)
SELECT job, due_at, deadline_at
FROM unnest(%(jobs)s::text[], %(dues)s::timestamptz[], %(deadlines)s::timestamptz[]) AS due (job, due_at, deadline_at)
ON CONFLICT DO NOTHING

-- name: save_calendars
-- The next moment of each calendar, or why it cannot be read.
UPDATE operations.jobs j SET next_due_at = n.due_at, calendar_error = n.error
FROM unnest(%(jobs)s::text[], %(nexts)s::timestamptz[], %(errors)s::text[]) AS n (job, due_at, error)
WHERE j.name = n.job AND (j.next_due_at, j.calendar_error) IS DISTINCT FROM (n.due_at, n.error)

-- name: triggers
-- Since when the ticks of each trigger are worth looking at: its oldest unmet moment, or its last good look.
SELECT j.name, j.trigger_name,
       CASE j.trigger_kind
           WHEN 'sensor' THEN coalesce(j.last_good_tick_at, j.judged_from)
           ELSE coalesce((SELECT min(d.due_at) FROM operations.due_moments d
                          WHERE d.job = j.name AND d.met_at IS NULL AND d.due_at > %(horizon)s), %(now)s)
       END AS since
FROM operations.jobs j
WHERE j.trigger_name IS NOT NULL AND j.enabled AND j.retired_at IS NULL

-- name: save_triggers
UPDATE operations.jobs j
SET trigger_running = s.running, last_tick_error = s.error,
    last_good_tick_at = greatest(j.last_good_tick_at, s.good_at)
FROM unnest(%(jobs)s::text[], %(running)s::boolean[], %(good_ats)s::timestamptz[], %(errors)s::text[])
     AS s (job, running, good_at, error)
WHERE j.name = s.job
  AND (j.trigger_running, j.last_tick_error, j.last_good_tick_at)
      IS DISTINCT FROM (s.running, s.error, greatest(j.last_good_tick_at, s.good_at))

-- name: met_by_ticks
UPDATE operations.due_moments d SET met_at = %(now)s, met_by = 'tick'
FROM unnest(%(jobs)s::text[], %(ats)s::timestamptz[]) AS tick (job, at)
WHERE d.job = tick.job AND d.due_at = tick.at AND d.met_at IS NULL

-- name: met_by_runs
-- Whoever ran the job by hand after a missed moment has made up for it; for that moment, not for older ones.
UPDATE operations.due_moments d SET met_at = r.ended_at, met_by = 'run'
FROM operations.job_runs r
WHERE d.met_at IS NULL AND d.deadline_at <= %(now)s AND d.due_at > %(horizon)s
  AND r.job = d.job AND r.status = 'success' AND NOT r.dry_run AND r.trigger = 'manual' AND r.created_at >= d.due_at
  AND NOT EXISTS (
      SELECT FROM operations.due_moments later
      WHERE later.job = d.job AND later.due_at > d.due_at AND later.due_at <= r.created_at)

-- name: missing
SELECT d.job, d.due_at, d.deadline_at, d.deadline_at <= %(now)s AS overdue
FROM operations.due_moments d
JOIN operations.jobs j ON j.name = d.job AND j.retired_at IS NULL AND j.enabled
WHERE d.met_at IS NULL AND d.due_at > j.judged_from AND d.due_at > %(horizon)s AND d.job = ANY(%(names)s)
ORDER BY d.job, d.due_at
