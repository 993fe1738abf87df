-- What waits for people, of the batches as they were last seen. Rows as operations/waiting_lists.py has them.

-- name: waiting_approval
-- Who has approved it cannot be the second person; who has created it may be one of two.
SELECT batch_id AS subject, 'btc-adjustment' AS job, planned_at AS since, NULL::timestamptz AS until,
       ARRAY(SELECT jsonb_array_elements_text(approved_by)) AS not_by,
       jsonb_build_object('batch', batch_id, 'rate', trim_scale(adjustment_rate)::text, 'users', target_count,
                          'sum', trim_scale(sum)::text, 'missing', approvals_missing) AS facts
FROM btc.batches
WHERE status = 'planned' AND is_open AND approvals_missing > 0
ORDER BY planned_at
LIMIT %(limit)s

-- name: waiting_resume
SELECT batch_id AS subject, 'btc-adjustment' AS job, changed_at AS since, NULL::timestamptz AS until,
       '{}'::text[] AS not_by,
       jsonb_build_object('batch', batch_id, 'rate', trim_scale(adjustment_rate)::text, 'users', target_count,
                          'done', processed_count) AS facts
FROM btc.batches
WHERE status = 'failed' AND is_open
ORDER BY changed_at
LIMIT %(limit)s
