-- The batches of DynamoDB as they were last seen.

-- name: lock_mirror
SELECT pg_advisory_xact_lock(hashtextextended('btc mirror', 0))

-- name: open_batches
SELECT batch_id FROM btc.batches WHERE is_open

-- name: closed_batches
SELECT count(*) FROM btc.batches WHERE batch_id = ANY(%(ids)s) AND NOT is_open

-- name: forget_batches
DELETE FROM btc.batches WHERE batch_id = ANY(%(ids)s)

-- name: save_batches
INSERT INTO btc.batches AS b (
    batch_id, status, is_open, reverses, adjustment_rate, target_count, processed_count, failed_count, sum,
    created_by, created_at, planned_at, approvals_missing, approved_by, completed_at, error_message, failure, changed_at)
SELECT seen.*, %(now)s
FROM unnest(
    %(batch_id)s::text[], %(status)s::text[], %(is_open)s::boolean[], %(reverses)s::text[],
    %(adjustment_rate)s::numeric[], %(target_count)s::bigint[], %(processed_count)s::bigint[],
    %(failed_count)s::bigint[], %(sum)s::numeric[], %(created_by)s::text[], %(created_at)s::timestamptz[],
    %(planned_at)s::timestamptz[], %(approvals_missing)s::integer[], %(approved_by)s::jsonb[],
    %(completed_at)s::timestamptz[], %(error_message)s::text[], %(failure)s::jsonb[]) AS seen
ON CONFLICT (batch_id) DO UPDATE SET
    status = EXCLUDED.status, is_open = EXCLUDED.is_open, target_count = EXCLUDED.target_count,
    processed_count = EXCLUDED.processed_count, failed_count = EXCLUDED.failed_count, sum = EXCLUDED.sum,
    planned_at = EXCLUDED.planned_at, approvals_missing = EXCLUDED.approvals_missing,
    approved_by = EXCLUDED.approved_by,
    completed_at = EXCLUDED.completed_at, error_message = EXCLUDED.error_message,
    failure = EXCLUDED.failure, changed_at = EXCLUDED.changed_at
WHERE (b.status, b.is_open, b.target_count, b.processed_count, b.failed_count, b.sum, b.planned_at,
       b.approvals_missing, b.approved_by, b.completed_at, b.error_message, b.failure)
    IS DISTINCT FROM
      (EXCLUDED.status, EXCLUDED.is_open, EXCLUDED.target_count, EXCLUDED.processed_count, EXCLUDED.failed_count,
       EXCLUDED.sum, EXCLUDED.planned_at, EXCLUDED.approvals_missing, EXCLUDED.approved_by, EXCLUDED.completed_at,
       EXCLUDED.error_message, EXCLUDED.failure)
