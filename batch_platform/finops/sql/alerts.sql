-- Alert rules of finops: a row (subject, job, summary) for each thing that is wrong now.

-- name: rule_month_restated
SELECT DISTINCT ON (1)
       format('%%s %%s %%s %%s', project_id, to_char(billing_month, 'YYYY-MM'), to_version, currency) AS subject,
       'cur-aggregate' AS job,
       jsonb_build_object(
           'id', CASE reason WHEN 'redelivered' THEN 'month-redelivered' ELSE 'month-reconnected' END,
           'parameters', jsonb_build_object(
               'project', project_id, 'month', to_char(billing_month, 'YYYY-MM'),
               'amount', trim_scale(sum(unblended_after) - sum(unblended_before))::text, 'currency', currency))
           AS summary
FROM finops.finops_restatements
WHERE detected_at > %(now)s - %(told_for)s::interval
GROUP BY project_id, billing_month, to_version, currency, reason, detected_at
ORDER BY 1, detected_at DESC

-- name: rule_unknown_types
SELECT format('%%s %%s', project_id, to_char(billing_month, 'YYYY-MM')) AS subject, 'cur-aggregate' AS job,
       jsonb_build_object(
           'project', project_id, 'month', to_char(billing_month, 'YYYY-MM'), 'reason', coalesce(verdict -> 'message', verdict -> 'description'))
           AS summary
FROM finops.finops_months
JOIN finops.finops_project_connections AS project USING (project_id)
CROSS JOIN jsonb_array_elements(checks) AS verdict
WHERE project.enabled AND verdict ->> 'name' = %(check)s AND NOT (verdict ->> 'passed')::boolean

-- name: rule_late_delivery
SELECT project_id AS subject, 'cur-fetch' AS job,
       jsonb_build_object(
           'id', CASE WHEN max(month.delivered_at) IS NULL THEN 'nothing-published' ELSE 'last-delivery' END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'project', project_id,
               'at', to_char(max(month.delivered_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')))) AS summary
FROM finops.finops_project_connections AS project
LEFT JOIN finops.finops_months AS month USING (project_id)
WHERE project.enabled
GROUP BY project_id
HAVING greatest(max(month.delivered_at), project.created_at) < %(now)s - %(late_after)s::interval

-- name: rule_budget_exceeded
SELECT format('%%s %%s %%s', budget.project_id, budget.measure, budget.currency) AS subject, 'cur-aggregate' AS job,
       jsonb_build_object(
           'project', budget.project_id, 'month', to_char(newest.billing_month, 'YYYY-MM'),
           'spent', trim_scale(costs.spent)::text, 'currency', budget.currency,
           'budget', trim_scale(budget.monthly_amount)::text, 'measure', budget.measure) AS summary
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

-- name: rule_project_unreadable
-- What may pass is given time to.
SELECT unreadable.project_id AS subject, 'cur-fetch' AS job,
       jsonb_build_object('project', unreadable.project_id, 'reason', unreadable.failure) AS summary
FROM finops.finops_unreadable_projects AS unreadable
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE project.enabled AND (unreadable.permanent OR unreadable.since < %(now)s - %(patience)s::interval)
