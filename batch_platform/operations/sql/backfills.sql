-- Backfills and their runs. A run's state is the ledger's; before it has any, the backfill's own.

-- name: insert_backfill
INSERT INTO operations.backfills (id, job, first_day, last_day, parameters, requested_by, created_at)
VALUES (%(id)s, %(job)s, %(first_day)s, %(last_day)s, %(parameters)s::jsonb, %(by)s, %(now)s)
ON CONFLICT (id) DO NOTHING

-- name: backfills_alone
-- Two who ask at once do so one after the other: the second sees the first's runs.
SELECT pg_advisory_xact_lock(hashtextextended('backfills of ' || %(job)s, 0))

-- name: backfill_of_same
-- The newest other one that has not ended for a partition of these.
SELECT b.id FROM operations.backfills b JOIN operations.backfill_states s ON s.backfill_id = b.id
WHERE b.job = %(job)s AND b.id <> %(id)s AND s.partition = ANY(%(partitions)s)
  AND s.status IN ('planned', 'queued', 'starting', 'running', 'canceling')
ORDER BY b.created_at DESC LIMIT 1

-- name: insert_backfill_runs
INSERT INTO operations.backfill_runs (backfill_id, day, partition, run_id)
SELECT %(id)s, day, partition, run_id
FROM unnest(%(days)s::date[], %(partitions)s::text[], %(run_ids)s::text[]) AS planned (day, partition, run_id)

-- name: backfills
-- Newest first, with how many runs stand where.
SELECT b.*, p.planned, p.going, p.succeeded, p.failed, p.canceled
FROM operations.backfills b
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE s.status = 'planned') AS planned,
           count(*) FILTER (WHERE s.status IN ('queued', 'starting', 'running', 'canceling')) AS going,
           count(*) FILTER (WHERE s.status = 'success') AS succeeded,
           count(*) FILTER (WHERE s.status = 'failure') AS failed,
           count(*) FILTER (WHERE s.status = 'canceled') AS canceled
    FROM operations.backfill_states s WHERE s.backfill_id = b.id
) p
WHERE (%(id)s::text IS NULL OR b.id = %(id)s) AND (%(job)s::text IS NULL OR b.job = %(job)s)
  AND (%(at)s::timestamptz IS NULL OR (b.created_at, b.id) < (%(at)s, %(before)s))
ORDER BY b.created_at DESC, b.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: backfill_runs
SELECT day, partition, run_id, status, cause, cause_message, started_at, ended_at FROM operations.backfill_states
WHERE backfill_id = %(id)s ORDER BY day

-- name: cancel_backfill
UPDATE operations.backfills SET canceled_at = %(now)s, canceled_by = %(by)s WHERE id = %(id)s AND canceled_at IS NULL

-- name: backfills_at_work
-- Those that have runs to ask for, or to stop.
SELECT DISTINCT r.backfill_id
FROM operations.backfill_runs r
JOIN operations.backfills b ON b.id = r.backfill_id
LEFT JOIN operations.job_runs j ON j.run_id = r.run_id
WHERE CASE WHEN b.canceled_at IS NULL THEN j.run_id IS NULL AND r.refusal IS NULL
           ELSE j.status IN ('queued', 'starting', 'running') END

-- name: take_backfill_run
-- One at a time, and no more than so many at once; what was taken by one that died is taken again.
UPDATE operations.backfill_runs r SET asked_at = %(now)s
WHERE (r.backfill_id, r.day) = (
    SELECT w.backfill_id, w.day FROM operations.backfill_runs w JOIN operations.backfills b ON b.id = w.backfill_id
    WHERE w.backfill_id = %(id)s AND b.canceled_at IS NULL AND w.refusal IS NULL
      AND (w.asked_at IS NULL OR w.asked_at < %(forgotten_before)s)
      AND NOT EXISTS (SELECT FROM operations.job_runs j WHERE j.run_id = w.run_id)
      AND (SELECT count(*) FROM operations.backfill_states s
           WHERE s.backfill_id = w.backfill_id AND s.status IN ('queued', 'starting', 'running')) < %(at_once)s
    ORDER BY w.day LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
RETURNING r.day, r.run_id

-- name: refuse_backfill_run
UPDATE operations.backfill_runs SET refusal = %(refusal)s, refusal_message = %(message)s::jsonb WHERE run_id = %(run_id)s

-- name: wait_backfill_run
-- It could not be asked for at the moment.
UPDATE operations.backfill_runs SET asked_at = NULL WHERE run_id = %(run_id)s

-- name: days_of_job
-- How each partition of a job stands by its newest run that was no rehearsal, and its last success.
SELECT DISTINCT ON (partition, partition_end) partition, partition_end, run_id, status
FROM operations.job_runs
WHERE job = %(job)s AND NOT dry_run AND partition IS NOT NULL AND dagster_job <> '__ASSET_JOB'
ORDER BY partition, partition_end, created_at DESC
