-- What people are told of batches. Each rule gives (subject, job, summary), one row a batch; %(now)s is the moment.

-- name: rule_waiting_approval
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'batch', btc.named(b), 'sum', sum::text,
           'approvals', jsonb_build_object(
               'id', CASE approvals_missing WHEN 1 THEN 'one-approval' ELSE 'approvals' END,
               'parameters', jsonb_build_object('count', approvals_missing)),
           'users', jsonb_build_object(
               'id', CASE target_count WHEN 1 THEN 'one-user' ELSE 'users' END,
               'parameters', jsonb_build_object('count', target_count))) AS summary
FROM btc.batches AS b
WHERE status = 'planned' AND approvals_missing > 0 AND planned_at <= %(now)s - %(grace)s::interval

-- name: rule_failed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'batch', btc.named(b), 'booked', processed_count, 'users', target_count,
           'reason', coalesce(
               btc.cause(b), jsonb_build_object('id', 'no-cause', 'parameters', jsonb_build_object())))
           AS summary
FROM btc.batches AS b
WHERE status = 'failed' AND is_open

-- name: rule_stuck
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'batch', btc.named(b), 'since', to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
           'state', jsonb_build_object(
               'id', CASE status WHEN 'planned' THEN 'batch-approved' ELSE 'batch-' || status END,
               'parameters', jsonb_build_object()),
           'booked', processed_count, 'users', target_count) AS summary
FROM btc.batches AS b
WHERE (status IN ('pending', 'processing') OR (status = 'planned' AND approvals_missing = 0))
  AND changed_at < %(now)s - %(patience)s::interval

-- name: resolution_batch
-- How a batch stands now is why any of the rules above finds it no more.
SELECT batch_id AS subject,
       jsonb_build_object(
           'id', CASE
               WHEN status = 'pending' THEN 'it-is-planned'
               WHEN status = 'planned' AND approvals_missing > 0 THEN 'it-waits'
               WHEN status = 'planned' THEN 'it-is-approved'
               WHEN status = 'processing' THEN 'it-is-applied'
               WHEN status = 'completed' THEN 'it-completed'
               WHEN status = 'completed_with_failures' THEN 'it-completed-with-failures'
               WHEN status = 'cancelled' AND error_message IS NULL THEN 'it-was-cancelled'
               WHEN status = 'cancelled' THEN 'it-was'
               ELSE 'it-failed'
           END,
           'parameters', jsonb_strip_nulls(jsonb_build_object('what', btc.cause(b)))) AS resolution
FROM btc.batches AS b

-- name: notice_completed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'id', CASE WHEN processed_count < target_count THEN 'batch-completed-with-zeros' ELSE 'batch-completed' END,
           'parameters', jsonb_build_object(
               'batch', btc.named(b), 'booked', processed_count, 'users', target_count, 'sum', sum::text,
               'zeros', target_count - processed_count)) AS summary
FROM btc.batches AS b
WHERE status = 'completed' AND completed_at > %(now)s - %(told_for)s::interval

-- name: notice_completed_with_failures
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'id', CASE WHEN failed_count + processed_count < target_count
                      THEN 'batch-failures-with-zeros' ELSE 'batch-failures' END,
           'parameters', jsonb_build_object(
               'batch', btc.named(b), 'failed', failed_count, 'users', target_count, 'booked', processed_count,
               'sum', sum::text, 'zeros', target_count - failed_count - processed_count)) AS summary
FROM btc.batches AS b
WHERE status = 'completed_with_failures' AND completed_at > %(now)s - %(told_for)s::interval

-- name: notice_plan_failed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       jsonb_build_object(
           'batch', btc.named(b),
           'reason', coalesce(
               btc.cause(b), jsonb_build_object('id', 'no-cause', 'parameters', jsonb_build_object())))
           AS summary
FROM btc.batches AS b
WHERE status = 'failed' AND NOT is_open AND completed_at > %(now)s - %(told_for)s::interval
