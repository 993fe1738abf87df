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
SELECT j.name AS subject, j.name AS job,
       format('%%s should have run at %%s JST and did not: %%s', j.name,
              to_char(latest.due_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI'),
              CASE
                  WHEN j.last_tick_error IS NOT NULL THEN 'its schedule failed: ' || j.last_tick_error
                  WHEN j.trigger_running IS FALSE THEN format('the schedule %%s is stopped', j.trigger_name)
                  ELSE format('no tick of %%s was seen', j.trigger_name)
              END) AS summary
FROM operations.jobs j
CROSS JOIN LATERAL (
    SELECT due_at, met_at FROM operations.due_moments d
    WHERE d.job = j.name AND d.deadline_at <= %(now)s AND d.due_at > j.judged_from
    ORDER BY d.due_at DESC LIMIT 1
) latest
WHERE j.enabled AND j.retired_at IS NULL AND latest.met_at IS NULL

-- name: rule_stopped
-- Whoever stopped it stands in the audit log; the declaration says that it should run.
SELECT j.trigger_name AS subject, j.name AS job,
       format('the %%s %%s of %%s is stopped in Dagster', j.trigger_kind, j.trigger_name, j.name) AS summary
FROM operations.jobs j
WHERE j.trigger_kind = %(kind)s AND j.enabled AND j.retired_at IS NULL AND j.trigger_running IS FALSE

-- name: rule_bad_calendar
SELECT j.name AS subject, j.name AS job,
       format('no deadline of %%s is known: its calendar cannot be read: %%s', j.name, j.calendar_error) AS summary
FROM operations.jobs j
WHERE j.trigger_kind = 'schedule' AND j.enabled AND j.retired_at IS NULL AND j.calendar_error IS NOT NULL

-- name: rule_sensor_lag
SELECT j.trigger_name AS subject, j.name AS job,
       format('the sensor %%s of %%s has not looked since %%s UTC%%s', j.trigger_name, j.name,
              to_char(greatest(j.last_good_tick_at, j.judged_from) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
              CASE
                  WHEN j.last_tick_error IS NOT NULL THEN ': it fails: ' || j.last_tick_error
                  WHEN j.trigger_running IS FALSE THEN ': it is stopped'
                  ELSE ''
              END) AS summary
FROM operations.jobs j
WHERE j.trigger_kind = 'sensor' AND j.enabled AND j.retired_at IS NULL
  AND greatest(j.last_good_tick_at, j.judged_from) + j.every + j.grace < %(now)s
