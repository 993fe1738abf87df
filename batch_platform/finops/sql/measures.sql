-- Line items (normalize.py) -> the measures of each row and the grain of finops_cost_summary.
-- Sources: AWS CUR user guide (lineItem, reservation and savingsPlan columns), the CID framework's summary_view,
-- FOCUS 1.2. All amounts DECIMAL(38,12) in the currency of the row; nothing is multiplied or divided here but the
-- net cost of unused savings plans, which AWS does not export.

-- name: share_of_trillionths
-- whole * part / total, rounded half up; none negative. The product is divided in two steps so that it fits.
CREATE MACRO share_of_trillionths(whole, part, total) AS
    (whole * (part // 1000000000) // total) * 1000000000
    + (2 * ((whole * (part // 1000000000) % total) * 1000000000 + whole * (part % 1000000000)) + total) // (2 * total)

-- name: share_of
-- whole * part / total at scale 12, rounded half away from zero; total is positive.
CREATE MACRO share_of(whole, part, total) AS
    ((sign(whole) * sign(part) * share_of_trillionths(
        (abs(whole) * 1000000000000)::HUGEINT,
        (abs(part) * 1000000000000)::HUGEINT,
        (total * 1000000000000)::HUGEINT
    ))::VARCHAR || 'e-12')::DECIMAL(38, 12)

-- name: cur_measures
SELECT
    line_item_type,
    greatest(least(coalesce(usage_date, $month), last_day($month)), $month) AS usage_date,
    coalesce(payer_account_id, '') AS payer_account_id,
    coalesce(usage_account_id, '') AS usage_account_id,
    coalesce(service, '') AS service,
    coalesce(region, '') AS region,
    CASE
        WHEN line_item_type IN ('Usage', 'FlatRateSubscription', 'DiscountedUsage', 'SavingsPlanCoveredUsage',
                                'SavingsPlanNegation') THEN 'usage'
        WHEN line_item_type IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') THEN 'commitment_fee'
        WHEN line_item_type = 'Fee' AND of_reservation THEN 'commitment_fee'
        WHEN line_item_type = 'Fee' THEN 'fee'
        WHEN line_item_type = 'Refund' THEN 'refund'
        WHEN line_item_type = 'Credit' THEN 'credit'
        WHEN line_item_type = 'Tax' THEN 'tax'
        WHEN line_item_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount', 'RiVolumeDiscount',
                                'SppDiscount', 'Discount') THEN 'discount'
        ELSE 'unknown'
    END AS charge_class,
    currency,
    coalesce(unblended_cost, 0) AS unblended,
    coalesce(blended_cost, 0) AS blended,
    CASE
        WHEN line_item_type = 'DiscountedUsage' THEN coalesce(ri_effective_cost, 0)
        WHEN line_item_type = 'RIFee' THEN coalesce(ri_unused_upfront, 0) + coalesce(ri_unused_recurring, 0)
        WHEN line_item_type = 'SavingsPlanCoveredUsage' THEN coalesce(sp_effective_cost, 0)
        WHEN line_item_type = 'SavingsPlanRecurringFee'
            THEN coalesce(sp_total_commitment, 0) - coalesce(sp_used_commitment, 0)
        WHEN line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0
        WHEN line_item_type = 'Fee' AND of_reservation THEN 0
        WHEN line_item_type = 'Refund' AND of_savings_plan THEN 0
        ELSE coalesce(unblended_cost, 0)
    END AS amortized,
    coalesce(net_unblended_cost, unblended_cost, 0) AS net_unblended,
    CASE
        WHEN line_item_type = 'DiscountedUsage' THEN coalesce(ri_net_effective_cost, ri_effective_cost, 0)
        WHEN line_item_type = 'RIFee'
            THEN coalesce(ri_net_unused_upfront, ri_unused_upfront, 0)
               + coalesce(ri_net_unused_recurring, ri_unused_recurring, 0)
        WHEN line_item_type = 'SavingsPlanCoveredUsage' THEN coalesce(sp_net_effective_cost, sp_effective_cost, 0)
        WHEN line_item_type = 'SavingsPlanRecurringFee'
            THEN coalesce(sp_net_unused, coalesce(sp_total_commitment, 0) - coalesce(sp_used_commitment, 0))
        WHEN line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') THEN 0
        WHEN line_item_type = 'Fee' AND of_reservation THEN 0
        WHEN line_item_type = 'Refund' AND of_savings_plan THEN 0
        ELSE coalesce(net_unblended_cost, unblended_cost, 0)
    END AS net_amortized,
    coalesce(unblended_cost, 0) AS billed,
    CASE WHEN line_item_type = 'SavingsPlanNegation' THEN 0 ELSE coalesce(on_demand_cost, 0) END AS list_cost,
    CASE
        WHEN line_item_type = 'SavingsPlanRecurringFee' THEN -coalesce(sp_amortized_upfront, 0)
        WHEN line_item_type = 'RIFee' THEN -coalesce(ri_amortized_upfront, 0)
        ELSE 0
    END AS true_up,
    CASE
        WHEN line_item_type = 'SavingsPlanUpfrontFee' THEN coalesce(unblended_cost, 0)
        WHEN line_item_type = 'Fee' AND of_reservation THEN coalesce(unblended_cost, 0)
        WHEN line_item_type = 'Refund' AND of_savings_plan THEN coalesce(unblended_cost, 0)
        ELSE 0
    END AS upfront
FROM (
    SELECT
        *,
        coalesce(commitment_arn LIKE 'arn:%:savingsplans:%', false) AS of_savings_plan,
        coalesce(commitment_arn NOT LIKE 'arn:%:savingsplans:%', false) AS of_reservation,
        -- the unused share of the net commitment
        CASE WHEN line_item_type = 'SavingsPlanRecurringFee' AND sp_net_recurring IS NOT NULL
                  AND sp_total_commitment > 0 THEN
            share_of(sp_net_recurring + coalesce(sp_net_amortized_upfront, 0),
                     sp_total_commitment - sp_used_commitment, sp_total_commitment)
        END AS sp_net_unused
    FROM line_items
    WHERE NOT split_allocation
)

-- name: focus_measures
SELECT
    line_item_type,
    greatest(least(coalesce(usage_date, $month), last_day($month)), $month) AS usage_date,
    coalesce(payer_account_id, '') AS payer_account_id,
    coalesce(usage_account_id, '') AS usage_account_id,
    coalesce(service, '') AS service,
    coalesce(region, '') AS region,
    CASE
        WHEN line_item_type = 'Usage' THEN 'usage'
        WHEN line_item_type = 'Usage Unused' THEN 'commitment_fee'
        WHEN line_item_type IN ('Purchase', 'Purchase One-Time') AND commitment_arn IS NOT NULL THEN 'commitment_fee'
        WHEN line_item_type IN ('Purchase', 'Purchase One-Time') THEN 'fee'
        WHEN line_item_type = 'Adjustment' THEN 'refund'
        WHEN line_item_type = 'Credit' THEN 'credit'
        WHEN line_item_type = 'Tax' THEN 'tax'
        ELSE 'unknown'
    END AS charge_class,
    currency,
    coalesce(billed_cost, 0) AS unblended,
    0::DECIMAL(38, 12) AS blended,
    coalesce(effective_cost, 0) AS amortized,
    coalesce(billed_cost, 0) AS net_unblended,
    coalesce(effective_cost, 0) AS net_amortized,
    coalesce(billed_cost, 0) AS billed,
    coalesce(list_cost, 0) AS list_cost,
    0::DECIMAL(38, 12) AS true_up,
    CASE
        WHEN line_item_type = 'Purchase One-Time' AND commitment_arn IS NOT NULL THEN coalesce(billed_cost, 0)
        ELSE 0
    END AS upfront
FROM line_items
WHERE NOT split_allocation

-- name: row_counts
SELECT
    count(*)::BIGINT AS row_count,
    count(*) FILTER (split_allocation)::BIGINT AS split_rows,
    count(*) FILTER (NOT split_allocation AND invoice_id IS NULL)::BIGINT AS uninvoiced_rows,
    count(*) FILTER (usage_date IS NULL OR usage_date NOT BETWEEN $month AND last_day($month))::BIGINT
        AS out_of_period_rows,
    count(*) FILTER (NOT split_allocation AND line_item_type = 'SavingsPlanRecurringFee'
        AND sp_net_recurring IS NOT NULL)::BIGINT AS derived_net_rows
FROM line_items

-- name: unamortized_rows
-- rows of commitment types that carry no amortisation figure in any row: the export has none to give
SELECT coalesce(sum(row_count), 0)::BIGINT AS unamortized_rows
FROM (
    SELECT
        count(*) AS row_count,
        count(*) FILTER (CASE line_item_type
            WHEN 'DiscountedUsage' THEN ri_effective_cost IS NULL
            WHEN 'RIFee' THEN ri_unused_recurring IS NULL
            WHEN 'SavingsPlanCoveredUsage' THEN sp_effective_cost IS NULL
            WHEN 'SavingsPlanRecurringFee' THEN sp_total_commitment IS NULL OR sp_used_commitment IS NULL
        END) AS blank_rows
    FROM line_items
    WHERE NOT split_allocation
    GROUP BY line_item_type
)
WHERE blank_rows = row_count

-- name: unknown_types
SELECT coalesce(line_item_type, '') AS line_item_type, count(*)::BIGINT AS row_count, sum(unblended)::DECIMAL(38, 12) AS unblended
FROM measures
WHERE charge_class = 'unknown'
GROUP BY ALL
ORDER BY ALL

-- name: measures_by_group
SELECT
    usage_date, payer_account_id, usage_account_id, service, region, charge_class, currency,
    sum(unblended)::DECIMAL(38, 12) AS unblended,
    sum(blended)::DECIMAL(38, 12) AS blended,
    sum(amortized)::DECIMAL(38, 12) AS amortized,
    sum(net_unblended)::DECIMAL(38, 12) AS net_unblended,
    sum(net_amortized)::DECIMAL(38, 12) AS net_amortized,
    sum(billed)::DECIMAL(38, 12) AS billed,
    sum(list_cost)::DECIMAL(38, 12) AS list_cost,
    sum(true_up)::DECIMAL(38, 12) AS true_up,
    sum(upfront)::DECIMAL(38, 12) AS upfront,
    count(*)::BIGINT AS usage_rows
FROM measures
GROUP BY ALL
ORDER BY ALL
