-- What the rules look for. Each statement gives (subject, job, summary), one row a subject; %(now)s is the moment.

-- name: rule_failure
SELECT d.id AS subject, d.job,
       format('%%s failed%%s after %%s attempt%%s: %%s', d.job,
              coalesce(' for ' || d.partition || coalesce('...' || d.partition_end, ''), ''), d.attempts,
              CASE WHEN d.attempts = 1 THEN '' ELSE 's' END, coalesce(d.cause, 'no cause was recorded')) AS summary
FROM operations.dead_letters d
WHERE d.state IN ('open', 'retrying')

-- name: resolution_failure
SELECT d.id AS subject,
       CASE d.state
           WHEN 'resolved' THEN format('run %%s succeeded', d.resolved_by_run)
           WHEN 'discarded' THEN format('discarded by %%s: %%s', d.changed_by, d.reason)
       END AS resolution
FROM operations.dead_letters d

-- name: rule_long_run
SELECT r.run_id AS subject, r.job,
       format('%%s runs longer than its limit of %%s: run %%s since %%s UTC', r.job, j.max_duration, r.run_id,
              to_char(r.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS summary
FROM operations.job_runs r JOIN operations.jobs j ON j.name = r.job
WHERE r.ended_at IS NULL AND r.started_at < %(now)s - j.max_duration

-- name: resolution_long_run
SELECT run_id AS subject, format('it ended: %%s', status) AS resolution FROM operations.job_runs

-- name: rule_queue_backlog
SELECT name AS subject, NULL AS job, format('%%s runs wait in the queue %%s', size, name) AS summary
FROM operations.queues
WHERE size > %(limit)s

-- name: rule_missed
-- The newest moment whose grace has passed was not met. Older gaps alone are listed, not alarming: the schedule runs.
-- A job with several schedules is told of by each.
SELECT CASE WHEN several.schedules > 1 THEN t.job || '/' || t.name ELSE t.job END AS subject, t.job,
       format('%%s should have run at %%s %%s and did not: %%s', t.job,
              to_char(latest.due_at AT TIME ZONE t.time_zone, 'YYYY-MM-DD HH24:MI'),
              CASE t.time_zone WHEN 'Asia/Tokyo' THEN 'JST' ELSE t.time_zone END,
              CASE
                  WHEN t.last_tick_error IS NOT NULL THEN 'its schedule failed: ' || t.last_tick_error
                  WHEN t.running IS FALSE THEN format('the schedule %%s is stopped', t.name)
                  ELSE format('no tick of %%s was seen', t.name)
              END) AS summary
FROM operations.triggers t
JOIN operations.jobs j ON j.name = t.job AND j.retired_at IS NULL
CROSS JOIN LATERAL (
    SELECT count(*) AS schedules FROM operations.triggers other WHERE other.job = t.job AND other.kind = 'schedule'
) several
CROSS JOIN LATERAL (
    SELECT due_at, met_at FROM operations.due_moments d
    WHERE d.job = t.job AND d.trigger = t.name AND d.deadline_at <= %(now)s AND d.due_at > t.judged_from
    ORDER BY d.due_at DESC LIMIT 1
) latest
WHERE t.enabled AND latest.met_at IS NULL

-- name: rule_stopped
-- Whoever stopped it stands in the audit log; the declaration says that it should run.
SELECT DISTINCT ON (t.name) t.name AS subject, t.job,
       format('the %%s %%s of %%s is stopped in Dagster', t.kind, t.name, t.job) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = %(kind)s AND t.enabled AND j.retired_at IS NULL AND t.running IS FALSE
ORDER BY t.name, t.job

-- name: rule_off
-- One that matters, off for longer than its job allows; that it is off at all is a warning before.
SELECT DISTINCT ON (t.name) t.name AS subject, t.job,
       format('the %%s %%s of %%s is off since %%s UTC, longer than %%s: nothing starts the job by it', t.kind, t.name,
              t.job, to_char(t.stopped_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), j.off_limit) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.enabled AND j.retired_at IS NULL AND t.running IS FALSE AND t.stopped_at + j.off_limit < %(now)s
ORDER BY t.name, t.job

-- name: rule_not_caught_up
SELECT DISTINCT ON (m.trigger) m.trigger AS subject, m.job,
       format('the schedule %%s of %%s was paused at %%s UTC and is not caught up: run the job by hand', m.trigger, m.job,
              to_char(m.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS summary
FROM operations.paused_moments m JOIN operations.pauses p ON p.id = m.pause_id
WHERE m.settled_at IS NULL AND coalesce(p.ended_at, p.ends_at) + interval '10 minutes' < %(now)s
ORDER BY m.trigger, m.due_at DESC

-- name: rule_dead
-- The monitor judges: it lives. That it did not is told by `rule_unwatched`.
SELECT c.name AS subject, NULL AS job,
       format('%%s gave no sign of life %%s%%s', c.name,
              coalesce('since ' || to_char(c.alive_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', 'ever: it never ran'),
              coalesce(': ' || c.error, '')) AS summary
FROM operations.components c
WHERE c.kind <> 'monitor' AND coalesce(c.alive_at, c.registered_at) < %(now)s - interval '90 seconds'

-- name: rule_unwatched
SELECT c.name || ' ' || c.silent_until AS subject, NULL AS job,
       format('nothing was watched from %%s to %%s UTC: the monitor or PostgreSQL was away',
              to_char(c.silent_from AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
              to_char(c.silent_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) AS summary
FROM operations.components c
WHERE c.kind = 'monitor' AND c.silent_from IS NOT NULL

-- name: rule_bad_calendar
SELECT DISTINCT ON (t.job) t.job AS subject, t.job,
       format('no deadline of %%s is known: its calendar cannot be read: %%s', t.job, t.calendar_error) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'schedule' AND t.enabled AND j.retired_at IS NULL AND t.calendar_error IS NOT NULL
ORDER BY t.job, t.name

-- name: rule_sensor_lag
SELECT DISTINCT ON (t.name) t.name AS subject, t.job,
       format('the sensor %%s of %%s has not looked since %%s UTC%%s', t.name, t.job,
              to_char(greatest(t.last_good_tick_at, t.judged_from) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
              CASE
                  WHEN t.last_tick_error IS NOT NULL THEN ': it fails: ' || t.last_tick_error
                  WHEN t.running IS FALSE THEN ': it is stopped'
                  ELSE ''
              END) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'sensor' AND t.enabled AND j.retired_at IS NULL
  AND greatest(t.last_good_tick_at, t.judged_from) + t.every + j.grace < %(now)s
ORDER BY t.name, t.job
