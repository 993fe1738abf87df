-- The ledger of runs, as it is copied from Dagster and as it is read.

-- name: known_runs
-- By these a run that has not changed is told without reading its events.
SELECT run_id, updated_at, ended_at IS NOT NULL AS ended FROM operations.job_runs WHERE run_id = ANY(%(run_ids)s)

-- name: going_runs
SELECT run_id FROM operations.job_runs WHERE ended_at IS NULL

-- name: save_runs
INSERT INTO operations.job_runs AS known (
    run_id, job, dagster_job, partition, partition_end, parameters, trigger, requested_by, dry_run, status,
    created_at, started_at, ended_at, updated_at, attempts, cause, root_run_id, will_retry, dead_letter_id,
    dead_letter_retry, idempotency_key, config, tags, cause_message
)
SELECT run_id, job, dagster_job, partition, partition_end, parameters::jsonb, trigger, requested_by, dry_run, status,
       created_at, started_at, ended_at, updated_at, attempts, cause, root_run_id, will_retry, dead_letter_id,
       dead_letter_retry, idempotency_key, config::jsonb, tags::jsonb, cause_message::jsonb
FROM unnest(
    %(run_id)s::text[], %(job)s::text[], %(dagster_job)s::text[], %(partition)s::text[], %(partition_end)s::text[],
    %(parameters)s::text[], %(trigger)s::text[], %(requested_by)s::text[], %(dry_run)s::boolean[],
    %(status)s::text[], %(created_at)s::timestamptz[], %(started_at)s::timestamptz[], %(ended_at)s::timestamptz[],
    %(updated_at)s::timestamptz[], %(attempts)s::integer[], %(cause)s::text[], %(root_run_id)s::text[],
    %(will_retry)s::boolean[], %(dead_letter_id)s::text[], %(dead_letter_retry)s::integer[],
    %(idempotency_key)s::text[], %(config)s::text[], %(tags)s::text[],
    %(cause_message)s::text[]
) AS copied (
    run_id, job, dagster_job, partition, partition_end, parameters, trigger, requested_by, dry_run, status,
    created_at, started_at, ended_at, updated_at, attempts, cause, root_run_id, will_retry, dead_letter_id,
    dead_letter_retry, idempotency_key, config, tags, cause_message
)
ON CONFLICT (run_id) DO UPDATE SET
    status = excluded.status,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    updated_at = excluded.updated_at,
    attempts = excluded.attempts,
    cause = excluded.cause,
    cause_message = excluded.cause_message,
    will_retry = excluded.will_retry
-- an older look never overwrites a newer one
WHERE excluded.updated_at >= known.updated_at
  AND (excluded.status, excluded.updated_at, excluded.attempts, excluded.cause, excluded.will_retry)
      IS DISTINCT FROM (known.status, known.updated_at, known.attempts, known.cause, known.will_retry)

-- name: end_vanished_runs
-- Deleted in Dagster before they ended: nobody will ever say how they ended.
UPDATE operations.job_runs
SET status = 'canceled', ended_at = %(now)s, cause = 'its record was deleted in Dagster before it ended'
WHERE run_id = ANY(%(run_ids)s) AND ended_at IS NULL

-- name: run
SELECT * FROM operations.job_runs WHERE run_id = %(run_id)s

-- name: history
SELECT * FROM operations.job_runs
WHERE job = %(job)s
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(at)s::timestamptz IS NULL OR (created_at, run_id) < (%(at)s, %(id)s))
ORDER BY created_at DESC, run_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: runs_since
-- What was asked for since then, and what was not over by then, newest first; rehearsals are left out.
SELECT * FROM operations.job_runs
WHERE NOT dry_run AND (created_at >= %(since)s OR ended_at >= %(since)s OR ended_at IS NULL)
ORDER BY created_at DESC, run_id DESC LIMIT %(limit)s

-- name: overviews
-- How each registered job stands; `last` is the newest run that was no dry run, nor of some of its assets alone.
SELECT j.name,
       last.run_id AS last_run_id,
       (SELECT max(ended_at) FROM operations.job_runs r
        WHERE r.job = j.name AND r.status = 'success' AND NOT r.dry_run
          AND r.dagster_job <> '__ASSET_JOB') AS last_success_at,
       going.running, going.queued,
       triggers.next_due_at,
       d.deadline_at,
       triggers.sensor_lag,
       coalesce(triggers.running, '{}') AS triggers_running,
       (SELECT count(*) FROM operations.incidents i WHERE i.job = j.name AND i.resolved_at IS NULL) AS open_incidents,
       (SELECT count(*) FROM operations.dead_letters l
        WHERE l.job = j.name AND l.state IN ('open', 'retrying')) AS open_dead_letters
FROM operations.jobs j
LEFT JOIN operations.job_deadlines d ON d.job = j.name
LEFT JOIN LATERAL (
    SELECT run_id FROM operations.job_runs r WHERE r.job = j.name AND NOT r.dry_run AND r.dagster_job <> '__ASSET_JOB'
    ORDER BY r.created_at DESC, r.run_id DESC LIMIT 1
) last ON true
CROSS JOIN LATERAL (
    -- what is stopped will not start; its deadline stays
    SELECT min(t.next_due_at) FILTER (WHERE t.enabled AND t.running IS NOT FALSE) AS next_due_at,
           max(%(now)s - greatest(t.last_good_tick_at, t.judged_from))
               FILTER (WHERE t.enabled AND t.kind = 'sensor') AS sensor_lag,
           jsonb_object_agg(t.name, t.running) FILTER (WHERE t.running IS NOT NULL) AS running
    FROM operations.triggers t WHERE t.job = j.name
) triggers
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE r.status <> 'queued') AS running, count(*) FILTER (WHERE r.status = 'queued') AS queued
    FROM operations.job_runs r WHERE r.job = j.name AND r.ended_at IS NULL
) going
WHERE j.name = ANY(%(names)s)

-- name: runs
SELECT * FROM operations.job_runs WHERE run_id = ANY(%(run_ids)s)

-- name: mark
SELECT at, place FROM operations.marks WHERE name = %(name)s

-- name: set_mark
INSERT INTO operations.marks (name, at, place) VALUES (%(name)s, %(at)s, %(place)s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, place = excluded.place

-- name: save_queues
INSERT INTO operations.queues (name, size, measured_at)
SELECT name, size, %(now)s FROM unnest(%(names)s::text[], %(sizes)s::bigint[]) AS measured (name, size)
ON CONFLICT (name) DO UPDATE SET size = excluded.size, measured_at = excluded.measured_at

-- name: lead
-- One monitor at a time; the lock goes with the transaction, so also with its process.
SELECT pg_try_advisory_xact_lock(hashtextextended('operations monitor', 0))
