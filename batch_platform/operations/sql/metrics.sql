-- What /metrics shows: each scrape counts the ledger, so a restart loses nothing.

-- name: durations
-- Runs by job, outcome and how many of the histogram's bounds hold them; bounds are negated, so that a bound holds
-- what equals it. Rehearsals and cancelled runs are no outcome.
SELECT r.job, r.status, width_bucket(-d.seconds, %(negated)s::double precision[]) AS bounds, count(*) AS runs,
       sum(d.seconds) AS seconds
FROM operations.job_runs r
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM r.ended_at - coalesce(r.started_at, r.ended_at))::double precision AS seconds
) d
WHERE r.status IN ('success', 'failure') AND NOT r.dry_run
GROUP BY 1, 2, 3

-- name: gauges
SELECT j.name AS job,
       (SELECT extract(epoch FROM max(ended_at)) FROM operations.job_runs r
        WHERE r.job = j.name AND r.status = 'success' AND NOT r.dry_run)::double precision AS last_success,
       extract(epoch FROM d.deadline_at)::double precision AS deadline,
       (SELECT count(*) FROM operations.dead_letters l
        WHERE l.job = j.name AND l.state IN ('open', 'retrying'))::double precision AS dead_letters,
       coalesce((SELECT extract(epoch FROM %(now)s - min(r.started_at)) FROM operations.job_runs r
        WHERE r.job = j.name AND r.ended_at IS NULL), 0)::double precision AS running,
       extract(epoch FROM j.max_duration)::double precision AS max_duration
FROM operations.jobs j
LEFT JOIN operations.job_deadlines d ON d.job = j.name
WHERE j.retired_at IS NULL
ORDER BY j.name

-- name: sensors
-- One that does the work of several jobs is one sensor: the strictest of them counts.
SELECT t.name AS sensor,
       extract(epoch FROM %(now)s - min(greatest(t.last_good_tick_at, t.judged_from)))::double precision AS sensor_lag,
       extract(epoch FROM min(t.every + j.grace))::double precision AS sensor_limit
FROM operations.triggers t JOIN operations.jobs j ON j.name = t.job
WHERE t.kind = 'sensor' AND t.enabled AND j.retired_at IS NULL
GROUP BY t.name
ORDER BY t.name

-- name: queue_sizes
SELECT name AS label, size AS value FROM operations.queues ORDER BY name

-- name: open_incidents
SELECT s.severity, count(i.id)::double precision AS incidents
FROM unnest(ARRAY['critical', 'warning', 'info']) AS s (severity)
LEFT JOIN operations.incidents i ON i.severity = s.severity AND i.resolved_at IS NULL
GROUP BY s.severity
ORDER BY s.severity

-- name: waiting_notifications
SELECT count(*)::double precision AS waiting FROM operations.notifications WHERE sent_at IS NULL AND given_up_at IS NULL

-- name: last_pass
SELECT extract(epoch FROM at)::double precision AS at FROM operations.marks WHERE name = 'monitor pass'
