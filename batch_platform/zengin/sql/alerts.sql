-- Alert rules of zengin: a row (subject, job, summary) for each thing that is wrong now.

-- name: rule_held
SELECT id AS subject, 'zengin-diff' AS job,
       format('the release of %%s is held (%%s): %%s', business_date, hold_reason, reason) AS summary
FROM zengin.changesets
WHERE status = 'held'
