-- What leaves the cost tables is kept, with the connection it belonged to.

-- name: archive_project
INSERT INTO finops.finops_archives (project_id, reason, detail, connection, budgets, restatements, archived_at)
SELECT project.project_id, %(reason)s, %(detail)s, to_jsonb(project) - ARRAY['external_id', 'secret_id'],
       CASE WHEN %(month)s::date IS NOT NULL THEN '[]' ELSE (
           SELECT coalesce(jsonb_agg(to_jsonb(budget)), '[]')
           FROM finops.finops_budgets AS budget WHERE budget.project_id = project.project_id) END,
       CASE WHEN %(month)s::date IS NOT NULL THEN '[]' ELSE (
           SELECT coalesce(jsonb_agg(to_jsonb(restatement)), '[]')
           FROM finops.finops_restatements AS restatement WHERE restatement.project_id = project.project_id) END,
       %(now)s
FROM finops.finops_project_connections AS project
WHERE project.project_id = %(project_id)s
RETURNING archive_id

-- name: archive_months
INSERT INTO finops.finops_archived_months (
    archive_id, billing_month, state, version, place, account_scope, format, row_count, file_count, delivered_at,
    published_at, checks, final_from
)
SELECT %(archive_id)s, billing_month, state, version, place, account_scope, format, row_count, file_count,
       delivered_at, published_at, checks, final_from
FROM finops.finops_months
WHERE project_id = %(project_id)s AND (%(month)s::date IS NULL OR billing_month = %(month)s)

-- name: archive_costs
INSERT INTO finops.finops_archived_costs (
    archive_id, project_id, billing_month, usage_date, payer_account_id, usage_account_id, service, region,
    charge_class, currency, unblended, blended, amortized, net_unblended, net_amortized, billed, list_cost, true_up,
    upfront, usage_rows, manifest_version
)
SELECT %(archive_id)s, project_id, billing_month, usage_date, payer_account_id, usage_account_id, service, region,
       charge_class, currency, unblended, blended, amortized, net_unblended, net_amortized, billed, list_cost, true_up,
       upfront, usage_rows, manifest_version
FROM finops.finops_cost_summary
WHERE project_id = %(project_id)s AND (%(month)s::date IS NULL OR billing_month = %(month)s)

-- name: delete_month
DELETE FROM finops.finops_months WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: delete_project
WITH months AS (
    DELETE FROM finops.finops_months WHERE project_id = %(project_id)s
), summary AS (
    DELETE FROM finops.finops_cost_summary WHERE project_id = %(project_id)s
), service_monthly AS (
    DELETE FROM finops.finops_cost_service_monthly WHERE project_id = %(project_id)s
), anomalies AS (
    DELETE FROM finops.finops_cost_anomalies WHERE project_id = %(project_id)s
), forecasts AS (
    DELETE FROM finops.finops_cost_forecasts WHERE project_id = %(project_id)s
), restatements AS (
    DELETE FROM finops.finops_restatements WHERE project_id = %(project_id)s
), budgets AS (
    DELETE FROM finops.finops_budgets WHERE project_id = %(project_id)s
), files AS (
    DELETE FROM finops.finops_billing_files WHERE project_id = %(project_id)s
), manifests AS (
    DELETE FROM finops.finops_billing_manifests WHERE project_id = %(project_id)s
)
DELETE FROM finops.finops_project_connections WHERE project_id = %(project_id)s

-- name: archived_months
-- the sums are text so that no digit is lost on the way through JSON
SELECT archive.archive_id, archive.project_id, archive.reason, archive.detail, archive.archived_at,
       month.billing_month, month.state, month.version, month.place,
       coalesce((
           SELECT jsonb_object_agg(sums.currency, sums.unblended)
           FROM (
               SELECT currency, sum(unblended)::text AS unblended FROM finops.finops_archived_costs AS cost
               WHERE cost.archive_id = archive.archive_id AND cost.billing_month = month.billing_month
               GROUP BY currency
           ) AS sums), '{}') AS unblended
FROM finops.finops_archives AS archive
LEFT JOIN finops.finops_archived_months AS month USING (archive_id)
WHERE %(project_id)s::text IS NULL OR archive.project_id = %(project_id)s
ORDER BY archive.archived_at DESC, archive.archive_id DESC, month.billing_month DESC

-- name: withdrawn_months
-- of the present project: one that had its id before began and ended on its own
SELECT DISTINCT ON (month.billing_month)
       archive.project_id, month.billing_month, month.state, month.version, month.format, month.row_count,
       month.file_count, month.delivered_at, month.published_at, month.checks, month.final_from, archive.detail, archive.archived_at
FROM finops.finops_archives AS archive
JOIN finops.finops_archived_months AS month USING (archive_id)
JOIN finops.finops_project_connections AS project ON project.project_id = archive.project_id
WHERE archive.project_id = %(project_id)s AND archive.reason = 'month_withdrawn'
  AND archive.archived_at >= project.created_at
  AND NOT EXISTS (
      SELECT FROM finops.finops_months AS published
      WHERE published.project_id = archive.project_id AND published.billing_month = month.billing_month)
ORDER BY month.billing_month DESC, archive.archived_at DESC
