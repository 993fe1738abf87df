-- What waits for operators or for AWS. Rows as operations/waiting_lists.py has them.

-- name: waiting_files
-- Read no more until somebody requeues them, or AWS delivers the month again.
SELECT format('%%s %%s', file.project_id, to_char(file.billing_month, 'YYYY-MM')) AS subject, 'cur-aggregate' AS job,
       min(coalesce(file.finished_at, file.registered_at)) AS since, NULL::timestamptz AS until, '{}'::text[] AS not_by,
       jsonb_build_object('project', file.project_id, 'month', to_char(file.billing_month, 'YYYY-MM'),
                          'files', count(*)) AS facts
FROM finops.finops_billing_files AS file
JOIN finops.finops_project_connections AS project USING (project_id)
JOIN finops.finops_billing_manifests AS manifest USING (project_id, billing_month, version)
WHERE file.status = 'ERROR' AND project.enabled AND manifest.place = project.place
GROUP BY file.project_id, file.billing_month
ORDER BY since
LIMIT %(limit)s

-- name: waiting_delivery
-- Late as the rule `finops-late-delivery` has it.
SELECT format('%%s %%s', manifest.project_id, to_char(manifest.billing_month, 'YYYY-MM')) AS subject,
       'cur-fetch' AS job, min(manifest.first_seen_at) AS since, min(late.at) AS until,
       '{}'::text[] AS not_by,
       jsonb_build_object('project', manifest.project_id, 'month', to_char(manifest.billing_month, 'YYYY-MM'),
                          'files', max(cardinality(manifest.missing_keys))) AS facts
FROM finops.finops_billing_manifests AS manifest
JOIN finops.finops_project_connections AS project USING (project_id)
CROSS JOIN LATERAL (
    SELECT greatest(max(month.delivered_at), project.created_at) + %(late_after)s::interval AS at
    FROM finops.finops_months AS month
    WHERE month.project_id = project.project_id
) AS late
WHERE manifest.status = 'WAITING' AND project.enabled AND manifest.place = project.place
GROUP BY manifest.project_id, manifest.billing_month
ORDER BY until
LIMIT %(limit)s
