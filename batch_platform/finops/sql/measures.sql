-- Line items (normalize.py) -> the measures of finops_cost_summary. The rows are summed by what decides a measure
-- first; the formulas are linear, so they are applied to those sums. Net amortisation comes as the plain one where the
-- export or the row has none (summary.py). Rows of accounts that a project leaves out are not `in_scope`; they take
-- part in the identity alone (identity.sql). `$keys` stands for further columns to group by (summary.py).
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

-- name: kinds_of_row
-- Columns of a line item that its group and its formula need. The refund of a cancelled plan names no plan but in its
-- text.
coalesce(commitment_arn LIKE 'arn:%:savingsplans:%', false) AS of_savings_plan,
coalesce(commitment_arn NOT LIKE 'arn:%:savingsplans:%', false) AS of_reservation,
coalesce(line_item_type = 'Refund' AND description LIKE 'Refund for one-time fee for Savings Plan ID%', false)
    AS refunds_plan,
CASE line_item_type
    WHEN 'DiscountedUsage' THEN ri_effective_cost IS NULL
    WHEN 'RIFee' THEN ri_unused_upfront IS NULL AND ri_unused_recurring IS NULL
    WHEN 'SavingsPlanCoveredUsage' THEN sp_effective_cost IS NULL
    WHEN 'SavingsPlanRecurringFee' THEN sp_total_commitment IS NULL
    ELSE false
END AS unamortized,
net_unblended_cost IS NOT NULL AS tells_net

-- name: cur_groups
CREATE TEMP TABLE grouped AS
SELECT
    $keys line_item_type, usage_date, payer_account_id, usage_account_id, service, region, currency, split_allocation,
    of_savings_plan, of_reservation, refunds_plan, unamortized,
    count(*)::BIGINT AS row_count,
    count(invoice_id)::BIGINT AS invoiced_rows,
    count(*) FILTER (invoice_id IS NULL AND (unblended_cost <> 0 OR net_unblended_cost <> 0))::BIGINT
        AS uninvoiced_rows,
    bool_or(tells_net) AS tells_net,
    count(*) FILTER (line_item_type = 'SavingsPlanRecurringFee'
        AND (sp_net_recurring IS NOT NULL OR sp_net_amortized_upfront IS NOT NULL))::BIGINT AS derived_net_rows,
    coalesce(sum(unblended_cost), 0) AS unblended_cost,
    coalesce(sum(blended_cost), 0) AS blended_cost,
    coalesce(sum(coalesce(net_unblended_cost, unblended_cost)), 0) AS net_unblended_cost,
    coalesce(sum(net_unblended_cost), 0) AS delivered_net_cost,
    coalesce(sum(on_demand_cost), 0) AS on_demand_cost,
    coalesce(sum(ri_effective_cost), 0) AS ri_effective_cost,
    coalesce(sum(ri_unused_upfront), 0) AS ri_unused_upfront,
    coalesce(sum(ri_unused_recurring), 0) AS ri_unused_recurring,
    coalesce(sum(ri_amortized_upfront), 0) AS ri_amortized_upfront,
    coalesce(sum(ri_net_effective_cost), 0) AS ri_net_effective_cost,
    coalesce(sum(ri_net_unused_upfront), 0) AS ri_net_unused_upfront,
    coalesce(sum(ri_net_unused_recurring), 0) AS ri_net_unused_recurring,
    coalesce(sum(sp_effective_cost), 0) AS sp_effective_cost,
    coalesce(sum(sp_net_effective_cost), 0) AS sp_net_effective_cost,
    coalesce(sum(sp_total_commitment), 0) AS sp_total_commitment,
    coalesce(sum(sp_used_commitment), 0) AS sp_used_commitment,
    coalesce(sum(sp_amortized_upfront), 0) AS sp_amortized_upfront,
    -- the unused share of the net commitment, where the export tells a part of it; what is paid up front in full has
    -- no recurring part
    coalesce(sum(CASE
        WHEN line_item_type <> 'SavingsPlanRecurringFee' THEN 0
        WHEN (sp_net_recurring IS NOT NULL OR sp_net_amortized_upfront IS NOT NULL) AND sp_total_commitment > 0
            THEN share_of(coalesce(sp_net_recurring, sp_total_commitment - coalesce(sp_amortized_upfront, 0))
                              + coalesce(sp_net_amortized_upfront, 0),
                          sp_total_commitment - coalesce(sp_used_commitment, 0), sp_total_commitment)
        ELSE coalesce(sp_total_commitment, 0) - coalesce(sp_used_commitment, 0)
    END), 0) AS sp_net_unused
FROM line_items
GROUP BY ALL

-- name: focus_groups
CREATE TEMP TABLE grouped AS
SELECT
    $keys line_item_type, usage_date, payer_account_id, usage_account_id, service, region, currency, split_allocation,
    commitment_arn IS NOT NULL AS of_commitment,
    count(*)::BIGINT AS row_count,
    count(invoice_id)::BIGINT AS invoiced_rows,
    count(*) FILTER (invoice_id IS NULL AND billed_cost <> 0)::BIGINT AS uninvoiced_rows,
    false AS unamortized,
    0::BIGINT AS derived_net_rows,
    coalesce(sum(billed_cost), 0) AS billed_cost,
    coalesce(sum(effective_cost), 0) AS effective_cost,
    coalesce(sum(list_cost), 0) AS list_cost
FROM line_items
GROUP BY ALL

-- name: spread
-- What is bought in advance is spread by figures of its own. Usage without them counts as it is charged, and so does
-- all of its kind where no usage of the month has any: then its fees are not spread either. A fee without figures is
-- in the cost of the usage it is spread over. Whatever is asked for of a month, all of its rows decide.
CREATE OR REPLACE TEMP TABLE spread AS
SELECT
    coalesce(
        bool_or(NOT unamortized) FILTER (line_item_type = 'DiscountedUsage'),
        bool_or(NOT unamortized) FILTER (line_item_type = 'RIFee'),
        true
    ) AS reservations_spread,
    coalesce(
        bool_or(NOT unamortized) FILTER (line_item_type = 'SavingsPlanCoveredUsage'),
        bool_or(NOT unamortized) FILTER (line_item_type = 'SavingsPlanRecurringFee'),
        bool_or(of_savings_plan) FILTER (line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee')),
        true
    ) AS savings_plans_spread,
    coalesce(bool_or(tells_net), false) AS month_tells_net
FROM $rows
WHERE NOT split_allocation

-- name: cur_measures
SELECT
    $keys line_item_type,
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
    unblended_cost AS unblended,
    blended_cost AS blended,
    CASE
        WHEN as_charged THEN unblended_cost
        WHEN line_item_type = 'DiscountedUsage' THEN ri_effective_cost
        WHEN line_item_type = 'RIFee' THEN ri_unused_upfront + ri_unused_recurring
        WHEN line_item_type = 'SavingsPlanCoveredUsage' THEN sp_effective_cost
        WHEN line_item_type = 'SavingsPlanRecurringFee' THEN sp_total_commitment - sp_used_commitment
        WHEN line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee', 'Fee') OR refunds_plan THEN 0
        ELSE unblended_cost
    END AS amortized,
    net_unblended_cost AS net_unblended,
    CASE
        WHEN as_charged THEN net_unblended_cost
        WHEN line_item_type = 'DiscountedUsage' THEN ri_net_effective_cost
        WHEN line_item_type = 'RIFee' THEN ri_net_unused_upfront + ri_net_unused_recurring
        WHEN line_item_type = 'SavingsPlanCoveredUsage' THEN sp_net_effective_cost
        WHEN line_item_type = 'SavingsPlanRecurringFee' THEN sp_net_unused
        WHEN line_item_type IN ('SavingsPlanNegation', 'SavingsPlanUpfrontFee', 'Fee') OR refunds_plan THEN 0
        ELSE net_unblended_cost
    END AS net_amortized,
    unblended_cost AS billed,
    CASE WHEN line_item_type = 'SavingsPlanNegation' THEN 0 ELSE on_demand_cost END AS list_cost,
    CASE
        WHEN as_charged THEN 0
        WHEN line_item_type = 'SavingsPlanRecurringFee' THEN -sp_amortized_upfront
        WHEN line_item_type = 'RIFee' THEN -ri_amortized_upfront
        ELSE 0
    END AS true_up,
    CASE
        WHEN as_charged THEN 0
        WHEN line_item_type IN ('SavingsPlanUpfrontFee', 'Fee') OR refunds_plan THEN unblended_cost
        ELSE 0
    END AS upfront,
    unamortized,
    row_count
FROM (
    SELECT
        * REPLACE (CASE
            -- a discount without a net cost is in the net cost of the rows it was given for
            WHEN month_tells_net AND line_item_type IN ('EdpDiscount', 'PrivateRateDiscount', 'BundledDiscount',
                                                        'RiVolumeDiscount', 'SppDiscount', 'Discount')
                THEN delivered_net_cost
            ELSE net_unblended_cost
        END AS net_unblended_cost),
        CASE
            WHEN line_item_type IN ('DiscountedUsage', 'SavingsPlanCoveredUsage') AND unamortized THEN true
            WHEN line_item_type IN ('DiscountedUsage', 'RIFee') OR (line_item_type = 'Fee' AND of_reservation)
                THEN NOT reservations_spread
            WHEN line_item_type LIKE 'SavingsPlan%' OR refunds_plan THEN NOT savings_plans_spread
            ELSE true
        END AS as_charged
    FROM grouped, spread
    WHERE NOT split_allocation
)

-- name: focus_measures
SELECT
    $keys line_item_type,
    greatest(least(coalesce(usage_date, $month), last_day($month)), $month) AS usage_date,
    coalesce(payer_account_id, '') AS payer_account_id,
    coalesce(usage_account_id, '') AS usage_account_id,
    coalesce(service, '') AS service,
    coalesce(region, '') AS region,
    CASE
        WHEN line_item_type = 'Usage' THEN 'usage'
        WHEN line_item_type = 'Usage Unused' THEN 'commitment_fee'
        WHEN line_item_type IN ('Purchase', 'Purchase One-Time') AND of_commitment THEN 'commitment_fee'
        WHEN line_item_type IN ('Purchase', 'Purchase One-Time') THEN 'fee'
        WHEN line_item_type = 'Adjustment' THEN 'refund'
        WHEN line_item_type = 'Credit' THEN 'credit'
        WHEN line_item_type = 'Tax' THEN 'tax'
        ELSE 'unknown'
    END AS charge_class,
    currency,
    billed_cost AS unblended,
    0::DECIMAL(38, 12) AS blended,
    effective_cost AS amortized,
    billed_cost AS net_unblended,
    effective_cost AS net_amortized,
    billed_cost AS billed,
    -- what a commitment is bought for is in the list cost of what uses it, as SavingsPlanNegation is in CUR
    CASE WHEN line_item_type IN ('Purchase', 'Purchase One-Time') AND of_commitment THEN 0 ELSE list_cost END
        AS list_cost,
    0::DECIMAL(38, 12) AS true_up,
    CASE
        WHEN line_item_type = 'Purchase One-Time' AND of_commitment THEN billed_cost
        ELSE 0
    END AS upfront,
    unamortized,
    row_count
FROM grouped
WHERE NOT split_allocation

-- name: row_counts
-- Of the rows in scope; of the whole report, what its identity and its invoices depend on.
SELECT
    coalesce(sum(row_count) FILTER (in_scope), 0)::BIGINT AS row_count,
    coalesce(sum(row_count) FILTER (in_scope AND split_allocation), 0)::BIGINT AS split_rows,
    coalesce(sum(uninvoiced_rows) FILTER (in_scope AND NOT split_allocation), 0)::BIGINT AS uninvoiced_rows,
    coalesce(sum(invoiced_rows) FILTER (NOT split_allocation), 0)::BIGINT AS invoiced_rows,
    coalesce(sum(row_count) FILTER (in_scope
        AND (usage_date IS NULL OR usage_date NOT BETWEEN $month AND last_day($month))), 0)::BIGINT
        AS out_of_period_rows,
    coalesce(sum(row_count) FILTER (NOT split_allocation AND unamortized), 0)::BIGINT AS unamortized_rows,
    coalesce(sum(derived_net_rows) FILTER (in_scope AND NOT split_allocation), 0)::BIGINT AS derived_net_rows
FROM grouped

-- name: unknown_types
SELECT coalesce(line_item_type, '') AS line_item_type, sum(row_count)::BIGINT AS row_count
FROM measures
WHERE in_scope AND charge_class = 'unknown'
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
    sum(row_count)::BIGINT AS usage_rows
FROM measures
WHERE in_scope
GROUP BY ALL
ORDER BY ALL
