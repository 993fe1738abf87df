-- Whether amortised + true-up + upfront fees = unblended, over the measures of the whole report (identity.py).

-- name: residuals
SELECT
    payer_account_id, currency,
    sum(amortized + true_up + upfront - unblended)::DECIMAL(38, 12) AS amount,
    sum(row_count)::BIGINT AS row_count
FROM measures
GROUP BY ALL
ORDER BY ALL

-- name: payers
-- Whose accounts the report has: the one account of a payer, or null.
CREATE TEMP TABLE payers AS
SELECT payer_account_id, CASE WHEN count(DISTINCT usage_account_id) = 1 THEN any_value(usage_account_id) END AS sole_account
FROM measures
GROUP BY payer_account_id

-- name: names_commitments
SELECT coalesce(bool_or(of_savings_plan OR of_reservation), false) FROM grouped

-- name: commitment_rows
-- The line items of reservations and plans, without the keys that do not matter to the identity.
SELECT * REPLACE (NULL::DATE AS usage_date, NULL::VARCHAR AS service, NULL::VARCHAR AS region)
FROM ($line_items)
WHERE line_item_type IN ('DiscountedUsage', 'RIFee', 'Fee', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation',
                         'SavingsPlanRecurringFee')

-- name: commitments
-- The reservations and plans in the payers' books, by the ARN their rows are grouped with. The fifth part of an ARN
-- is the account that owns it.
SELECT
    payer_account_id, currency, commitment AS arn, line_item_type LIKE 'SavingsPlan%' AS savings_plan,
    sum(amortized + true_up + upfront - unblended)::DECIMAL(38, 12) AS residual,
    sum(row_count)::BIGINT AS row_count,
    coalesce(sum(row_count) FILTER (line_item_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage',
                                                       'SavingsPlanNegation')), 0)::BIGINT AS usage_rows,
    coalesce(sum(row_count) FILTER (line_item_type IN ('RIFee', 'SavingsPlanRecurringFee', 'Fee')), 0)::BIGINT
        AS fee_rows,
    coalesce(sum(row_count) FILTER (unamortized), 0)::BIGINT AS unamortized_rows,
    coalesce(any_value(sole_account <> payer_account_id AND sole_account = split_part(commitment, ':', 5)), false)
        AS owner_only,
    list(DISTINCT {'line_item_type': line_item_type, 'source': source}) AS held_in
FROM measures
JOIN payers USING (payer_account_id)
WHERE line_item_type IN ('DiscountedUsage', 'RIFee', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation',
                         'SavingsPlanRecurringFee')
   OR (line_item_type = 'Fee' AND charge_class = 'commitment_fee')
GROUP BY ALL
ORDER BY ALL
