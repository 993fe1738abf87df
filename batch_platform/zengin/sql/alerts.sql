-- Alert rules of zengin: a row (subject, job, summary) for each thing that is wrong now.

-- name: rule_held
SELECT id AS subject, 'zengin-diff' AS job,
       format('the release of %%s is held (%%s): %%s', business_date, hold_reason, reason) AS summary
FROM zengin.changesets
WHERE status = 'held'

-- name: rule_failed
-- mostly conflicts: the row was changed by hand after it had been compared
SELECT changeset_id AS subject, 'zengin-apply' AS job,
       format('approved changes of %%s could not be applied: %%s failed', changeset_id,
              CASE count(*) WHEN 1 THEN '1 record' ELSE count(*) || ' records' END) AS summary
FROM zengin.records
WHERE status = 'failed'
GROUP BY changeset_id
