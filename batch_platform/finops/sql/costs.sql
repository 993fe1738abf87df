-- The cost tables of a month: replaced as a whole, in one transaction.

-- name: lock_publication
SELECT pg_advisory_xact_lock(hashtextextended('finops publish ' || %(month)s::text, 0))

-- name: files_not_done
SELECT count(*) FROM finops.finops_billing_files
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version = %(version)s AND status <> 'DONE'

-- name: accounts_claimed_elsewhere
SELECT DISTINCT usage_account_id AS account, payer_account_id AS payer, project_id AS project
FROM finops.finops_account_claims
JOIN unnest(%(payers)s::text[], %(accounts)s::text[]) AS ours (payer_account_id, usage_account_id)
    USING (payer_account_id, usage_account_id)
WHERE billing_month = %(month)s AND project_id <> %(project_id)s
ORDER BY account, payer, project

-- name: bump_costs_revision
UPDATE finops.finops_months SET costs_revision = nextval('finops.finops_costs_revision')
WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: costs_stamps
SELECT project_id, billing_month, state, version, costs_revision AS revision
FROM finops.finops_months
JOIN unnest(%(project_ids)s::text[], %(months)s::date[]) AS asked (project_id, billing_month)
    USING (project_id, billing_month)

-- name: delete_summary
DELETE FROM finops.finops_cost_summary WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: delete_service_monthly
DELETE FROM finops.finops_cost_service_monthly WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: upsert_month
INSERT INTO finops.finops_months AS known (
    project_id, billing_month, state, version, format, row_count, file_count, delivered_at, published_at, checks,
    final_from, place, account_scope
)
SELECT %(project_id)s, %(month)s, %(state)s, %(version)s, %(format)s, %(row_count)s, %(file_count)s, %(delivered_at)s,
       %(now)s, %(checks)s, %(final_from)s, project.place, project.account_scope
FROM finops.finops_project_connections AS project
WHERE project.project_id = %(project_id)s
ON CONFLICT (project_id, billing_month) DO UPDATE SET
    state = excluded.state, version = excluded.version, format = excluded.format, row_count = excluded.row_count,
    file_count = excluded.file_count, delivered_at = excluded.delivered_at, published_at = excluded.published_at,
    checks = excluded.checks, final_from = excluded.final_from, place = excluded.place,
    account_scope = excluded.account_scope
-- computing the same version again is no news
WHERE (known.state, known.version, known.format, known.row_count, known.file_count, known.delivered_at, known.checks,
       known.final_from, known.place, known.account_scope)
    IS DISTINCT FROM
      (excluded.state, excluded.version, excluded.format, excluded.row_count, excluded.file_count,
       excluded.delivered_at, excluded.checks, excluded.final_from, excluded.place, excluded.account_scope)

-- name: publish_manifest
UPDATE finops.finops_billing_manifests SET status = 'PUBLISHED', published_at = coalesce(published_at, %(now)s)
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version = %(version)s AND status = 'REGISTERED'

-- name: supersede_published
UPDATE finops.finops_billing_manifests SET status = 'SUPERSEDED'
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version <> %(version)s AND status = 'PUBLISHED'

-- name: supersede_done_files
UPDATE finops.finops_billing_files SET status = 'SUPERSEDED'
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version <> %(version)s AND status = 'DONE'

-- name: months
SELECT project_id, billing_month, state, version, month.format, row_count, file_count, delivered_at, published_at,
       checks, final_from, month.place <> project.place AS of_former_place,
       (month.place, month.account_scope) IS DISTINCT FROM (project.place, project.account_scope)
           AS of_former_connection
FROM finops.finops_months AS month
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE project_id = %(project_id)s AND (%(month)s::date IS NULL OR billing_month = %(month)s)
ORDER BY billing_month

-- name: cost_summary
SELECT usage_date, payer_account_id, usage_account_id, service, region, charge_class, currency,
       unblended, blended, amortized, net_unblended, net_amortized, billed, list_cost, true_up, upfront, usage_rows
FROM finops.finops_cost_summary
WHERE project_id = %(project_id)s AND billing_month BETWEEN %(first_month)s AND %(last_month)s

-- name: month_totals
SELECT billing_month, currency, sum(unblended) AS unblended, sum(amortized) AS amortized,
       sum(net_unblended) AS net_unblended, sum(net_amortized) AS net_amortized, sum(billed) AS billed,
       sum(list_cost) AS list_cost
FROM finops.finops_cost_service_monthly
WHERE project_id = %(project_id)s
GROUP BY billing_month, currency
ORDER BY billing_month, currency COLLATE "C"

-- name: newest_costs
-- By day and currency, of the newest month and the one before it. Each project's months are looked up by the key of the
-- summary, however many older ones there are.
WITH newest AS (
    SELECT max(billing_month) AS month FROM finops.finops_months WHERE billing_month <= %(today)s
)
SELECT usage_date AS day, currency, sum(unblended) AS amount
FROM newest
JOIN finops.finops_months AS month ON month.billing_month BETWEEN newest.month - interval '1 month' AND newest.month
JOIN finops.finops_cost_summary AS summary USING (project_id, billing_month)
WHERE usage_date <= %(today)s
GROUP BY usage_date, currency

-- name: restatements_page
SELECT billing_month, from_version, to_version, usage_account_id, service, charge_class, currency,
       unblended_before, unblended_after, amortized_before, amortized_after, net_unblended_before,
       net_unblended_after, detected_at, reason
FROM finops.finops_restatements
WHERE project_id = %(project_id)s
  AND (%(detected_at)s::timestamptz IS NULL
       OR (detected_at, billing_month) < (%(detected_at)s, %(month)s::date)
       OR ((detected_at, billing_month) = (%(detected_at)s, %(month)s::date)
           AND (usage_account_id, service, charge_class, currency)
               > (%(account)s::text, %(service)s::text, %(charge_class)s::text, %(currency)s::text)))
ORDER BY detected_at DESC, billing_month DESC, usage_account_id, service, charge_class, currency
LIMIT %(limit)s OFFSET %(offset)s

-- name: restatements
SELECT billing_month, from_version, to_version, usage_account_id, service, charge_class, currency,
       unblended_before, unblended_after, amortized_before, amortized_after, net_unblended_before,
       net_unblended_after, detected_at, reason
FROM finops.finops_restatements
WHERE project_id = %(project_id)s
ORDER BY billing_month, detected_at, usage_account_id, service, charge_class, currency

-- name: lock_insight
SELECT pg_advisory_xact_lock(hashtextextended('finops insight ' || %(project_id)s, 0))

-- name: mark_insight_stale
UPDATE finops.finops_months SET anomalies_version = NULL, forecast_version = NULL
WHERE project_id = %(project_id)s AND billing_month BETWEEN %(first_month)s AND %(last_month)s

-- name: months_without_anomalies
SELECT billing_month FROM finops.finops_months
WHERE project_id = %(project_id)s AND anomalies_version IS NULL
ORDER BY billing_month

-- name: months_without_forecast
SELECT billing_month FROM finops.finops_months
WHERE project_id = %(project_id)s AND forecast_version IS NULL
ORDER BY billing_month

-- name: anomalies_computed
UPDATE finops.finops_months SET anomalies_version = version
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND anomalies_version IS NULL

-- name: forecast_computed
UPDATE finops.finops_months SET forecast_version = version
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND forecast_version IS NULL

-- name: months_without_insight
SELECT project_id, billing_month, version
FROM finops.finops_months
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE (anomalies_version IS NULL OR forecast_version IS NULL) AND published_at <= %(quiet_since)s
  AND (project_id = %(project_id)s OR (%(project_id)s::text IS NULL AND project.enabled))
ORDER BY billing_month, project_id

-- name: months_due_to_be_final
SELECT project_id, billing_month, version, final_from
FROM finops.finops_months
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE final_from <= %(now)s
  AND (project_id = %(project_id)s OR (%(project_id)s::text IS NULL AND project.enabled))
ORDER BY billing_month, project_id

-- name: delete_anomalies
DELETE FROM finops.finops_cost_anomalies WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: anomalies
SELECT usage_date, service, currency, amount, expected, deviation, score, direction, explanation
FROM finops.finops_cost_anomalies
WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: delete_forecast
DELETE FROM finops.finops_cost_forecasts WHERE project_id = %(project_id)s AND billing_month = %(month)s

-- name: forecast
SELECT target_date, currency, amount, lower_bound, upper_bound, method, backtest_error
FROM finops.finops_cost_forecasts
WHERE project_id = %(project_id)s AND billing_month = %(month)s
