-- name: upsert_project
INSERT INTO finops.finops_project_connections AS known (
    project_id, name, role_arn, external_id, bucket, prefix, report_name, region, format, account_scope, enabled,
    without_manifest, created_at, updated_at, connected_at
) VALUES (
    %(project_id)s, %(name)s, %(role_arn)s, %(external_id)s, %(bucket)s, %(prefix)s, %(report_name)s, %(region)s,
    %(format)s, %(account_scope)s, %(enabled)s, %(without_manifest)s, %(now)s, %(now)s, %(now)s
)
ON CONFLICT (project_id) DO UPDATE SET
    name = excluded.name, role_arn = excluded.role_arn, external_id = excluded.external_id,
    bucket = excluded.bucket, prefix = excluded.prefix, report_name = excluded.report_name,
    region = excluded.region, format = excluded.format, account_scope = excluded.account_scope,
    enabled = excluded.enabled, without_manifest = excluded.without_manifest, updated_at = excluded.updated_at,
    connected_at = CASE
        WHEN (known.bucket, known.prefix, known.report_name, known.format, known.without_manifest, known.account_scope)
             IS DISTINCT FROM
             (excluded.bucket, excluded.prefix, excluded.report_name, excluded.format, excluded.without_manifest,
              excluded.account_scope)
        THEN excluded.connected_at ELSE known.connected_at
    END
WHERE (known.name, known.role_arn, known.external_id, known.bucket, known.prefix, known.report_name, known.region,
       known.format, known.account_scope, known.enabled, known.without_manifest)
    IS DISTINCT FROM
      (excluded.name, excluded.role_arn, excluded.external_id, excluded.bucket, excluded.prefix,
       excluded.report_name, excluded.region, excluded.format, excluded.account_scope, excluded.enabled,
       excluded.without_manifest)

-- name: projects
SELECT project_id, name, bucket, prefix, report_name, region, format, role_arn, external_id, account_scope, enabled,
       without_manifest
FROM finops.finops_project_connections
WHERE %(project_id)s::text IS NULL OR project_id = %(project_id)s
ORDER BY project_id

-- name: connected_at
SELECT connected_at FROM finops.finops_project_connections WHERE project_id = %(project_id)s

-- name: projects_changed_at
SELECT greatest((SELECT max(updated_at) FROM finops.finops_project_connections),
                (SELECT max(archived_at) FROM finops.finops_archives))

-- name: lock_projects
SELECT pg_advisory_xact_lock(hashtextextended('finops projects', 0))

-- name: hold_projects
SELECT pg_advisory_xact_lock_shared(hashtextextended('finops projects', 0))

-- name: accounts_claimed_twice
SELECT DISTINCT ours.usage_account_id AS account, ours.payer_account_id AS payer, theirs.project_id AS project,
                to_char(billing_month, 'YYYY-MM') AS month
FROM finops.finops_account_claims AS ours
JOIN finops.finops_account_claims AS theirs USING (billing_month, payer_account_id, usage_account_id)
WHERE ours.project_id = %(project_id)s AND theirs.project_id <> ours.project_id
ORDER BY account, payer, project, month
LIMIT 5

-- name: projects_page
SELECT project_id, name, bucket, prefix, report_name, region, format, role_arn, external_id, account_scope, enabled,
       without_manifest
FROM finops.finops_project_connections
WHERE %(after)s::text IS NULL OR project_id > %(after)s
ORDER BY project_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: forget_unreadable
-- Those that were read, and those that nobody looks at any more.
DELETE FROM finops.finops_unreadable_projects WHERE project_id <> ALL(%(projects)s)

-- name: save_unreadable
INSERT INTO finops.finops_unreadable_projects AS known (project_id, since, permanent, failure)
SELECT project_id, %(now)s, permanent, failure::jsonb
FROM unnest(%(projects)s::text[], %(permanents)s::boolean[], %(failures)s::text[]) AS seen (project_id, permanent, failure)
ON CONFLICT (project_id) DO UPDATE SET permanent = excluded.permanent, failure = excluded.failure
WHERE (known.permanent, known.failure) IS DISTINCT FROM (excluded.permanent, excluded.failure)
