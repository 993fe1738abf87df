-- Dead letters: derived from the ledger, moved by people, settled by the ledger again.

-- name: collect_dead_letters
-- Failures that nothing starts again by itself. Dagster decides about a retry a moment after the failure, hence the
-- wait for its word; a retry that was promised and never came is a failure too. A newer failure of a letter's runs
-- opens it again, unless somebody has settled the letter meanwhile.
WITH final AS (
    SELECT DISTINCT ON (r.letter_id) r.*
    FROM operations.job_runs r
    WHERE r.status = 'failure' AND NOT r.dry_run
      -- whoever chose its assets in Dagster's UI sees them there, and the job cannot run them again
      AND r.dagster_job <> '__ASSET_JOB'
      AND CASE
              WHEN r.will_retry IS NULL THEN r.ended_at < %(now)s - interval '30 s'
              WHEN r.will_retry THEN r.ended_at < %(now)s - interval '15 min' AND NOT EXISTS (
                  SELECT FROM operations.job_runs next
                  WHERE next.letter_id = r.letter_id AND next.created_at > r.created_at)
              ELSE true
          END
    ORDER BY r.letter_id, r.ended_at DESC, r.run_id DESC
)
INSERT INTO operations.dead_letters AS known (
    id, job, dagster_job, partition, partition_end, parameters, cause, attempts, state, version, failed_at, run_id,
    retries, changed_at, config, tags, cause_message
)
SELECT f.letter_id, f.job, f.dagster_job, f.partition, f.partition_end, f.parameters, f.cause, used.attempts, 'open',
       1, f.ended_at, f.run_id, coalesce(f.dead_letter_retry, 0), %(now)s, f.config, f.tags, f.cause_message
FROM (
    SELECT final.* FROM final LEFT JOIN operations.dead_letters l ON l.id = final.letter_id
    WHERE l.id IS NULL OR l.run_id <> final.run_id
) f
CROSS JOIN LATERAL (
    SELECT sum(greatest(r.attempts, 1)) AS attempts FROM operations.job_runs r
    WHERE r.letter_id = f.letter_id AND r.status = 'failure'
) used
ON CONFLICT (id) DO UPDATE SET
    state = 'open', version = known.version + 1, cause = excluded.cause,
    cause_message = excluded.cause_message, attempts = excluded.attempts,
    failed_at = excluded.failed_at, run_id = excluded.run_id, retries = greatest(known.retries, excluded.retries),
    retry_run_id = NULL, reason = NULL, resolved_by_run = NULL, changed_at = excluded.changed_at, changed_by = NULL
WHERE excluded.run_id <> known.run_id AND CASE
    WHEN known.state = 'open' THEN excluded.failed_at > known.failed_at
    WHEN known.state = 'retrying' THEN excluded.failed_at > known.failed_at AND excluded.retries = known.retries
    -- settled: only what began afterwards is news
    ELSE (SELECT created_at FROM operations.job_runs r WHERE r.run_id = excluded.run_id) > known.changed_at
END

-- name: resolve_dead_letters
-- By its own retry, or by any later success of the same Dagster job on the same partition: a partition is computed
-- as a whole, so the failure is mended. Runs without a partition must have had the same parameters.
UPDATE operations.dead_letters d
SET state = 'resolved', version = version + 1, retry_run_id = NULL, resolved_by_run = s.run_id,
    changed_at = %(now)s, changed_by = s.requested_by
FROM (
    SELECT DISTINCT ON (l.id) l.id, mended.run_id, mended.requested_by
    FROM operations.dead_letters l
    -- three looks at most per letter, each by an index of its own
    CROSS JOIN LATERAL (
        (SELECT r.run_id, r.requested_by, r.created_at FROM operations.job_runs r
         WHERE r.letter_id = l.id AND r.status = 'success' AND NOT r.dry_run AND r.ended_at > l.failed_at
         ORDER BY r.created_at LIMIT 1)
        UNION ALL
        (SELECT r.run_id, r.requested_by, r.created_at FROM operations.job_runs r
         WHERE r.job = l.job AND r.partition = l.partition AND r.created_at > l.failed_at AND r.status = 'success'
           AND NOT r.dry_run AND r.dagster_job = l.dagster_job
           AND r.partition_end IS NOT DISTINCT FROM l.partition_end
         ORDER BY r.created_at LIMIT 1)
        UNION ALL
        (SELECT r.run_id, r.requested_by, r.created_at FROM operations.job_runs r
         WHERE l.partition IS NULL AND r.job = l.job AND r.partition IS NULL AND r.created_at > l.failed_at
           AND r.status = 'success' AND NOT r.dry_run AND r.dagster_job = l.dagster_job
           AND r.parameters = l.parameters
         ORDER BY r.created_at LIMIT 1)
    ) mended
    WHERE l.state IN ('open', 'retrying')
    ORDER BY l.id, mended.created_at, mended.run_id
) s
WHERE s.id = d.id AND d.state IN ('open', 'retrying')

-- name: reopen_lost_retries
-- The retry was cancelled, or ten minutes after it was asked for nobody knows of it.
UPDATE operations.dead_letters d
SET state = 'open', version = version + 1, retry_run_id = NULL, changed_at = %(now)s, changed_by = NULL
WHERE d.state = 'retrying' AND (
    EXISTS (SELECT FROM operations.job_runs r WHERE r.run_id = d.retry_run_id AND r.status = 'canceled')
    OR (d.changed_at < %(now)s - interval '10 min'
        AND NOT EXISTS (SELECT FROM operations.job_runs r WHERE r.run_id = d.retry_run_id)))

-- name: unasked_retries
-- Marked as being retried, while no run has been seen: whoever marked them may have been killed before asking, or has
-- marked more than he could wait for.
SELECT d.* FROM operations.dead_letters d
WHERE d.state = 'retrying' AND d.changed_at < %(now)s - interval '15 s'
  AND NOT EXISTS (SELECT FROM operations.job_runs r WHERE r.run_id = d.retry_run_id)
ORDER BY d.changed_at, d.id
LIMIT %(limit)s

-- name: dead_letters
SELECT * FROM operations.dead_letters
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(job)s::text IS NULL OR job = %(job)s)
  AND (%(at)s::timestamptz IS NULL OR (failed_at, id) < (%(at)s, %(id)s))
ORDER BY failed_at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: dead_letter
SELECT * FROM operations.dead_letters WHERE id = %(id)s

-- name: begin_retry
UPDATE operations.dead_letters
SET state = 'retrying', version = version + 1, retries = retries + 1, retry_run_id = %(retry_run_id)s,
    changed_at = %(now)s, changed_by = %(by)s
WHERE id = %(id)s AND version = %(version)s AND state = 'open'

-- name: undo_retry
-- It was refused before any run was made.
UPDATE operations.dead_letters
SET state = 'open', version = version + 1, retry_run_id = NULL, changed_at = %(now)s
WHERE id = %(id)s AND state = 'retrying' AND retry_run_id = %(retry_run_id)s

-- name: discard_dead_letter
UPDATE operations.dead_letters
SET state = 'discarded', version = version + 1, reason = %(reason)s, changed_at = %(now)s, changed_by = %(by)s
WHERE id = %(id)s AND version = %(version)s AND state = 'open'
