-- name: upsert_project
INSERT INTO finops.finops_project_connections AS known (
    project_id, name, role_arn, external_id, bucket, prefix, report_name, region, format, account_scope, enabled,
    created_at, updated_at
) VALUES (
    %(project_id)s, %(name)s, %(role_arn)s, %(external_id)s, %(bucket)s, %(prefix)s, %(report_name)s, %(region)s,
    %(format)s, %(account_scope)s, %(enabled)s, %(now)s, %(now)s
)
ON CONFLICT (project_id) DO UPDATE SET
    name = excluded.name, role_arn = excluded.role_arn, external_id = excluded.external_id,
    bucket = excluded.bucket, prefix = excluded.prefix, report_name = excluded.report_name,
    region = excluded.region, format = excluded.format, account_scope = excluded.account_scope,
    enabled = excluded.enabled, updated_at = excluded.updated_at
WHERE (known.name, known.role_arn, known.external_id, known.bucket, known.prefix, known.report_name, known.region,
       known.format, known.account_scope, known.enabled)
    IS DISTINCT FROM
      (excluded.name, excluded.role_arn, excluded.external_id, excluded.bucket, excluded.prefix,
       excluded.report_name, excluded.region, excluded.format, excluded.account_scope, excluded.enabled)

-- name: projects
SELECT project_id, name, bucket, prefix, report_name, region, format, role_arn, external_id, account_scope, enabled
FROM finops.finops_project_connections
WHERE %(project_id)s::text IS NULL OR project_id = %(project_id)s
ORDER BY project_id

-- name: lock_projects
SELECT pg_advisory_xact_lock(hashtextextended('finops projects', 0))

-- name: projects_page
SELECT project_id, name, bucket, prefix, report_name, region, format, role_arn, external_id, account_scope, enabled
FROM finops.finops_project_connections
WHERE %(after)s::text IS NULL OR project_id > %(after)s
ORDER BY project_id
LIMIT %(limit)s OFFSET %(offset)s
