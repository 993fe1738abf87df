-- Alert rules of zengin: a row (subject, job, summary) for each thing that is wrong now.

-- name: rule_held
SELECT id AS subject, 'zengin-diff' AS job,
       jsonb_build_object(
           'date', business_date, 'kind', hold_reason, 'reason', coalesce(message::jsonb, to_jsonb(reason))) AS summary
FROM zengin.changesets
WHERE status = 'held'

-- name: rule_failed
-- mostly conflicts: the row was changed by hand after it had been compared
SELECT changeset_id AS subject, 'zengin-apply' AS job,
       jsonb_build_object(
           'changeset', changeset_id,
           'records', jsonb_build_object(
               'id', CASE count(*) WHEN 1 THEN 'one-record' ELSE 'several-records' END,
               'parameters', jsonb_build_object('count', count(*)))) AS summary
FROM zengin.records
WHERE status = 'failed'
GROUP BY changeset_id
