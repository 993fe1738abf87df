-- What people are told of batches. Each rule gives (subject, job, summary), one row a batch; %(now)s is the moment.

-- name: rule_waiting_approval
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('%%s waits for %%s: %%s, %%s BTC together', called,
              CASE approvals_missing WHEN 1 THEN '1 approval' ELSE approvals_missing || ' approvals' END,
              CASE target_count WHEN 1 THEN '1 user' ELSE target_count || ' users' END, sum) AS summary
FROM btc.batches
WHERE status = 'planned' AND approvals_missing > 0 AND planned_at <= %(now)s - %(grace)s::interval

-- name: rule_failed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('%%s failed: %%s; %%s of %%s users are known to be booked, and no other batch can start before this '
              'one has been run to its end', called, coalesce(error_message, 'no cause was recorded'),
              processed_count, target_count) AS summary
FROM btc.batches
WHERE status = 'failed' AND is_open

-- name: rule_stuck
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('no progress of %%s has been seen since %%s UTC: it is %%s, %%s of %%s users are known to be booked',
              called, to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
              CASE status WHEN 'planned' THEN 'approved' ELSE status END, processed_count, target_count) AS summary
FROM btc.batches
WHERE (status IN ('pending', 'processing') OR (status = 'planned' AND approvals_missing = 0))
  AND changed_at < %(now)s - %(patience)s::interval

-- name: resolution_batch
-- How a batch stands now is why any of the rules above finds it no more.
SELECT batch_id AS subject,
       CASE
           WHEN status = 'pending' THEN 'it is being planned'
           WHEN status = 'planned' AND approvals_missing > 0 THEN 'it waits for approval'
           WHEN status = 'planned' THEN 'it has all its approvals'
           WHEN status = 'processing' THEN 'it is being applied'
           WHEN status = 'completed' THEN 'it completed'
           WHEN status = 'completed_with_failures' THEN 'it completed with failures'
           WHEN status = 'cancelled' THEN 'it was ' || coalesce(error_message, 'cancelled')
           ELSE 'it failed'
       END AS resolution
FROM btc.batches

-- name: notice_completed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('%%s completed: %%s of %%s users booked%%s, %%s BTC together', called, processed_count, target_count,
              CASE WHEN processed_count < target_count
                   THEN format(', %%s with an amount of 0', target_count - processed_count) ELSE '' END,
              sum) AS summary
FROM btc.batches
WHERE status = 'completed' AND completed_at > %(now)s - %(told_for)s::interval

-- name: notice_completed_with_failures
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('%%s completed with failures: %%s of %%s users failed, %%s booked%%s, %%s BTC together', called,
              failed_count, target_count, processed_count,
              CASE WHEN failed_count + processed_count < target_count
                   THEN format(', %%s with an amount of 0', target_count - failed_count - processed_count) ELSE '' END,
              sum) AS summary
FROM btc.batches
WHERE status = 'completed_with_failures' AND completed_at > %(now)s - %(told_for)s::interval

-- name: notice_plan_failed
SELECT batch_id AS subject, 'btc-adjustment' AS job,
       format('%%s could not be planned: %%s; nothing was booked', called,
              coalesce(error_message, 'no cause was recorded')) AS summary
FROM btc.batches
WHERE status = 'failed' AND NOT is_open AND completed_at > %(now)s - %(told_for)s::interval
