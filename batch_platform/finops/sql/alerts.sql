-- Alert rules of finops: a row (subject, job, summary) for each thing that is wrong now.

-- name: rule_month_restated
SELECT DISTINCT ON (1)
       format('%%s %%s %%s %%s', project_id, to_char(billing_month, 'YYYY-MM'), to_version, currency) AS subject,
       'cur-aggregate' AS job,
       format(CASE reason WHEN 'redelivered' THEN 'project %%s: AWS changed the final month %%s by %%s %%s (unblended)'
                          ELSE 'project %%s: a changed connection changed the final month %%s by %%s %%s (unblended)' END,
              project_id, to_char(billing_month, 'YYYY-MM'),
              trim_scale(sum(unblended_after) - sum(unblended_before)), currency) AS summary
FROM finops.finops_restatements
WHERE detected_at > %(now)s - %(told_for)s::interval
GROUP BY project_id, billing_month, to_version, currency, reason, detected_at
ORDER BY 1, detected_at DESC

-- name: rule_unknown_types
SELECT format('%%s %%s', project_id, to_char(billing_month, 'YYYY-MM')) AS subject, 'cur-aggregate' AS job,
       format('project %%s %%s: %%s', project_id, to_char(billing_month, 'YYYY-MM'), verdict ->> 'description')
           AS summary
FROM finops.finops_months
JOIN finops.finops_project_connections AS project USING (project_id)
CROSS JOIN jsonb_array_elements(checks) AS verdict
WHERE project.enabled AND verdict ->> 'name' = %(check)s AND NOT (verdict ->> 'passed')::boolean

-- name: rule_late_delivery
SELECT project_id AS subject, 'cur-fetch' AS job,
       CASE
           WHEN max(month.delivered_at) IS NULL THEN format('project %%s: nothing is published yet', project_id)
           ELSE format('project %%s: the last delivery is of %%s UTC', project_id,
                       to_char(max(month.delivered_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
       END AS summary
FROM finops.finops_project_connections AS project
LEFT JOIN finops.finops_months AS month USING (project_id)
WHERE project.enabled
GROUP BY project_id
HAVING greatest(max(month.delivered_at), project.created_at) < %(now)s - %(late_after)s::interval

-- name: rule_budget_exceeded
SELECT format('%%s %%s %%s', budget.project_id, budget.measure, budget.currency) AS subject, 'cur-aggregate' AS job,
       format('project %%s %%s: %%s %%s is spent of a budget of %%s (%%s)', budget.project_id,
              to_char(newest.billing_month, 'YYYY-MM'), trim_scale(costs.spent), budget.currency,
              trim_scale(budget.monthly_amount), budget.measure) AS summary
FROM finops.finops_budgets AS budget
JOIN finops.finops_project_connections AS project USING (project_id)
CROSS JOIN LATERAL (
    SELECT max(billing_month) AS billing_month FROM finops.finops_months WHERE project_id = budget.project_id
) AS newest
CROSS JOIN LATERAL (
    SELECT sum(CASE budget.measure
                   WHEN 'unblended' THEN unblended
                   WHEN 'amortized' THEN amortized
                   WHEN 'net_unblended' THEN net_unblended
                   WHEN 'net_amortized' THEN net_amortized
                   WHEN 'billed' THEN billed
                   WHEN 'list' THEN list_cost
               END) AS spent
    FROM finops.finops_cost_service_monthly AS cost
    WHERE cost.project_id = budget.project_id AND cost.billing_month = newest.billing_month
      AND cost.currency = budget.currency
) AS costs
WHERE project.enabled AND costs.spent > budget.monthly_amount
