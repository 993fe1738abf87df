-- Monthly budgets of projects.

-- name: budgets
SELECT project_id, measure, currency, monthly_amount
FROM finops.finops_budgets
WHERE project_id = %(project_id)s
ORDER BY measure COLLATE "C", currency COLLATE "C"

-- name: upsert_budget
INSERT INTO finops.finops_budgets AS known (project_id, measure, currency, monthly_amount, created_at, updated_at)
VALUES (%(project_id)s, %(measure)s, %(currency)s, %(monthly_amount)s, %(now)s, %(now)s)
ON CONFLICT (project_id, measure, currency) DO UPDATE SET
    monthly_amount = excluded.monthly_amount, updated_at = excluded.updated_at
WHERE known.monthly_amount <> excluded.monthly_amount

-- name: delete_budget
DELETE FROM finops.finops_budgets
WHERE project_id = %(project_id)s AND measure = %(measure)s AND currency = %(currency)s
