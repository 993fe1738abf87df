-- Whether amortised + true-up + upfront fees = unblended, over the measures of the whole report (identity.py).

-- name: residuals
SELECT
    payer_account_id, currency,
    sum(amortized + true_up + upfront - unblended)::DECIMAL(38, 12) AS amount,
    sum(row_count)::BIGINT AS row_count
FROM measures
GROUP BY ALL
ORDER BY ALL

-- name: commitments
-- The reservations and plans in the payers' books, by the ARN their rows are grouped with. The fifth part of an ARN
-- is the account that owns it.
WITH payers AS (
    SELECT payer_account_id, min(usage_account_id) AS account, count(DISTINCT usage_account_id) AS accounts
    FROM measures
    GROUP BY payer_account_id
)
SELECT
    payer_account_id, currency, commitment AS arn,
    sum(amortized + true_up + upfront - unblended)::DECIMAL(38, 12) AS residual,
    sum(row_count)::BIGINT AS row_count,
    coalesce(sum(row_count) FILTER (line_item_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage',
                                                       'SavingsPlanNegation')), 0)::BIGINT AS usage_rows,
    coalesce(sum(row_count) FILTER (line_item_type IN ('RIFee', 'SavingsPlanRecurringFee')
        OR (line_item_type = 'Fee' AND charge_class = 'commitment_fee')), 0)::BIGINT AS fee_rows,
    coalesce(sum(row_count) FILTER (unamortized), 0)::BIGINT AS unamortized_rows,
    bool_or(line_item_type LIKE 'SavingsPlan%') AS savings_plan,
    any_value(accounts = 1 AND account <> payer_account_id AND account = split_part(commitment, ':', 5)) AS owner_only,
    list(DISTINCT {'line_item_type': line_item_type, 'source': source}) AS held_in
FROM measures
JOIN payers USING (payer_account_id)
WHERE line_item_type IN ('DiscountedUsage', 'RIFee', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation',
                         'SavingsPlanRecurringFee')
   OR (line_item_type = 'Fee' AND charge_class = 'commitment_fee')
GROUP BY ALL
ORDER BY ALL
