-- What the rules look for. Each statement gives (subject, job, summary), one row a subject; %(now)s is the moment. A
-- summary is what fills the rule's text, or one of its phrases by id; see alerts.Rule.

-- name: rule_failure
-- What many runs fail of alike, such as one role that cannot be assumed, is one incident.
WITH letters AS (
    SELECT d.*, d.cause_message ->> 'id' = ANY(%(shared)s) AS shared,
           coalesce(d.cause_message, to_jsonb(d.cause),
                    jsonb_build_object('id', 'no-cause', 'parameters', jsonb_build_object())) AS failing
    FROM operations.dead_letters d
    WHERE d.state IN ('open', 'retrying')
)
SELECT d.id AS subject, d.job,
       jsonb_build_object(
           'id', CASE WHEN d.partition IS NULL THEN 'job-failed' ELSE 'partition-failed' END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'job', d.job, 'partition', d.partition || coalesce('...' || d.partition_end, ''), 'reason', d.failing,
               'attempts', jsonb_build_object(
                   'id', CASE d.attempts WHEN 1 THEN 'one-attempt' ELSE 'attempts' END,
                   'parameters', jsonb_build_object('count', d.attempts))))) AS summary
FROM letters d
WHERE d.shared IS NOT TRUE
UNION ALL
SELECT (min(d.failing::text)::jsonb ->> 'id') || ' ' || md5(d.cause) AS subject,
       CASE WHEN count(DISTINCT d.job) = 1 THEN min(d.job) END AS job,
       jsonb_build_object(
           'id', 'shared-cause', 'parameters', jsonb_build_object(
               'reason', min(d.failing::text)::jsonb, 'jobs', jsonb_agg(DISTINCT d.job), 'count', count(*))) AS summary
FROM letters d
WHERE d.shared
GROUP BY d.cause

-- name: resolution_failure
SELECT d.id AS subject,
       CASE d.state
           WHEN 'resolved' THEN jsonb_build_object(
               'id', 'run-succeeded', 'parameters', jsonb_build_object('run', d.resolved_by_run))
           WHEN 'discarded' THEN jsonb_build_object(
               'id', 'letter-discarded', 'parameters', jsonb_build_object('by', d.changed_by, 'reason', d.reason))
       END AS resolution
FROM operations.dead_letters d

-- name: rule_long_run
SELECT r.run_id AS subject, r.job,
       jsonb_build_object(
           'job', r.job, 'limit', j.max_duration::text, 'run', r.run_id,
           'since', to_char(r.started_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI')) AS summary
FROM operations.job_runs r JOIN operations.jobs j ON j.name = r.job
WHERE r.ended_at IS NULL AND r.started_at < %(now)s - j.max_duration

-- name: resolution_long_run
SELECT run_id AS subject,
       jsonb_build_object('id', 'run-ended-' || status, 'parameters', jsonb_build_object())
           AS resolution
FROM operations.job_runs

-- name: rule_queue_backlog
SELECT name AS subject, NULL AS job, jsonb_build_object('count', size, 'queue', name) AS summary
FROM operations.queues
WHERE size > %(limit)s

-- name: rule_missed
-- The newest moment whose grace has passed was not met. Older gaps alone are listed, not alarming: the schedule runs.
-- A job with several schedules is told of by each.
SELECT CASE WHEN several.schedules > 1 THEN t.job || '/' || t.name ELSE t.job END AS subject, t.job,
       jsonb_build_object(
           'job', t.job,
           'due', to_char(latest.due_at AT TIME ZONE t.time_zone, 'YYYY-MM-DD HH24:MI') || ' '
                  || CASE t.time_zone WHEN 'Asia/Tokyo' THEN 'JST' ELSE t.time_zone END,
           'reason', CASE
               WHEN t.last_tick_error IS NOT NULL THEN jsonb_build_object(
                   'id', 'schedule-failed', 'parameters', jsonb_build_object(
                       'reason', coalesce(t.last_tick_error_message, to_jsonb(t.last_tick_error))))
               WHEN t.running IS FALSE THEN jsonb_build_object(
                   'id', 'schedule-is-stopped', 'parameters', jsonb_build_object('schedule', t.name))
               ELSE jsonb_build_object(
                   'id', 'no-tick-seen', 'parameters', jsonb_build_object('schedule', t.name))
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
       jsonb_build_object('trigger', t.name, 'job', t.job) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = %(kind)s AND t.enabled AND j.retired_at IS NULL AND t.running IS FALSE
ORDER BY t.name, t.job

-- name: rule_off
-- One that matters, off for longer than its job allows; that it is off at all is a warning before.
SELECT DISTINCT ON (t.name) t.name AS subject, t.job,
       jsonb_build_object(
           'trigger', t.name, 'job', t.job, 'limit', j.off_limit::text,
           'since', to_char(t.stopped_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI')) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.enabled AND j.retired_at IS NULL AND t.running IS FALSE AND t.stopped_at + j.off_limit < %(now)s
ORDER BY t.name, t.job

-- name: rule_not_caught_up
SELECT DISTINCT ON (m.trigger) m.trigger AS subject, m.job,
       jsonb_build_object(
           'schedule', m.trigger, 'job', m.job,
           'due', to_char(m.due_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI')) AS summary
FROM operations.paused_moments m JOIN operations.pauses p ON p.id = m.pause_id
WHERE m.settled_at IS NULL AND coalesce(p.ended_at, p.ends_at) + interval '10 minutes' < %(now)s
ORDER BY m.trigger, m.due_at DESC

-- name: rule_dead
-- The monitor judges: it lives. That it did not is told by `rule_unwatched`.
SELECT c.name AS subject, NULL AS job,
       jsonb_build_object(
           'id', CASE
               WHEN c.alive_at IS NULL AND c.error IS NULL THEN 'component-never-seen'
               WHEN c.alive_at IS NULL THEN 'component-never-answered'
               WHEN c.error IS NULL THEN 'component-silent'
               ELSE 'component-failing'
           END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'part', c.name, 'reason', coalesce(c.error_message, to_jsonb(c.error)),
               'since', to_char(c.alive_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS')))) AS summary
FROM operations.components c
WHERE c.kind <> 'monitor' AND coalesce(c.alive_at, c.registered_at) < %(now)s - interval '90 seconds'

-- name: rule_unwatched
SELECT c.name || ' ' || c.silent_until AS subject, NULL AS job,
       jsonb_build_object(
           'from', to_char(c.silent_from AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS'),
           'until', to_char(c.silent_until AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS')) AS summary
FROM operations.components c
WHERE c.kind = 'monitor' AND c.silent_from IS NOT NULL

-- name: rule_bad_calendar
SELECT DISTINCT ON (t.job) t.job AS subject, t.job,
       jsonb_build_object('job', t.job, 'reason', coalesce(t.calendar_error_message, to_jsonb(t.calendar_error)))
           AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'schedule' AND t.enabled AND j.retired_at IS NULL AND t.calendar_error IS NOT NULL
ORDER BY t.job, t.name

-- name: rule_sensor_lag
SELECT DISTINCT ON (t.name) t.name AS subject, t.job,
       jsonb_build_object(
           'id', CASE
               WHEN t.last_tick_error IS NOT NULL THEN 'sensor-failing'
               WHEN t.running IS FALSE THEN 'sensor-stopped-lag'
               ELSE 'sensor-lag'
           END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'sensor', t.name, 'job', t.job, 'reason', coalesce(t.last_tick_error_message, to_jsonb(t.last_tick_error)),
               'since', to_char(greatest(t.last_good_tick_at, t.judged_from) AT TIME ZONE 'Asia/Tokyo',
                                'YYYY-MM-DD HH24:MI:SS')))) AS summary
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'sensor' AND t.enabled AND j.retired_at IS NULL
  AND greatest(t.last_good_tick_at, t.judged_from) + t.every + j.grace < %(now)s
ORDER BY t.name, t.job
