-- Line items -> what Savings Plans and reservations were used for (commitments.py). The relation `line_items` has the
-- columns of measures.sql, and usage_type and pricing_term. Rows of split allocation are copies and stay out.
-- Sources: AWS CUR user guide (savingsPlan, reservation and pricing columns), FOCUS 1.2 (CommitmentDiscountStatus).

-- name: cur_commitment_use
-- A row a commitment and currency; null is what no row tells. UsedCommitment and TotalCommitmentToDate are of the whole
-- plan, whichever accounts used it.
SELECT
    commitment_arn AS arn, currency,
    CASE WHEN commitment_arn LIKE 'arn:%:savingsplans:%' THEN 'savings_plan' ELSE 'reservation' END AS kind,
    CASE WHEN count(*) FILTER (covered) = 0 THEN 0 ELSE sum(effective) FILTER (covered) END::DECIMAL(38, 12)
        AS covered_cost,
    coalesce(sum(sp_used_commitment) FILTER (line_item_type = 'SavingsPlanRecurringFee'), covered_cost)::DECIMAL(38, 12)
        AS used,
    CASE
        WHEN kind = 'reservation'
            THEN sum(coalesce(ri_unused_upfront, 0) + coalesce(ri_unused_recurring, 0))
                FILTER (line_item_type = 'RIFee' AND coalesce(ri_unused_upfront, ri_unused_recurring) IS NOT NULL)
        WHEN count(sp_used_commitment) FILTER (line_item_type = 'SavingsPlanRecurringFee') > 0
            THEN sum(sp_total_commitment - coalesce(sp_used_commitment, 0))
                FILTER (line_item_type = 'SavingsPlanRecurringFee')
    END::DECIMAL(38, 12) AS unused,
    CASE WHEN count(*) FILTER (covered AND equivalent IS NULL) = 0
        THEN coalesce(sum(equivalent) FILTER (covered), 0)
    END::DECIMAL(38, 12) AS on_demand_cost
FROM (
    SELECT
        *, line_item_type IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') AS covered,
        coalesce(sp_effective_cost, ri_effective_cost) AS effective,
        -- what covered usage of a plan is charged with before SavingsPlanNegation is its cost on demand
        coalesce(on_demand_cost, CASE WHEN line_item_type = 'SavingsPlanCoveredUsage' THEN unblended_cost END)
            AS equivalent
    FROM line_items
    WHERE NOT split_allocation
      AND line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanRecurringFee', 'DiscountedUsage', 'RIFee')
      AND commitment_arn IS NOT NULL
)
GROUP BY arn, currency, kind
ORDER BY kind DESC, arn, currency

-- name: focus_commitment_use
SELECT
    commitment_arn AS arn, currency,
    CASE WHEN commitment_arn LIKE 'arn:%:savingsplans:%' THEN 'savings_plan' ELSE 'reservation' END AS kind,
    coalesce(sum(effective_cost) FILTER (line_item_type = 'Usage'), 0)::DECIMAL(38, 12) AS used,
    coalesce(sum(effective_cost) FILTER (line_item_type = 'Usage Unused'), 0)::DECIMAL(38, 12) AS unused,
    used AS covered_cost,
    coalesce(sum(list_cost) FILTER (line_item_type = 'Usage'), 0)::DECIMAL(38, 12) AS on_demand_cost
FROM line_items
WHERE line_item_type IN ('Usage', 'Usage Unused') AND commitment_arn IS NOT NULL
GROUP BY arn, currency, kind
ORDER BY kind DESC, arn, currency

-- name: cur_usage_by_cover
-- Usage by service, usage type and what paid for it; `amount` is its public cost on demand.
SELECT
    coalesce(service, '') AS service, currency, usage_type, usage_type IS NOT NULL AS tells_type,
    CASE line_item_type
        WHEN 'SavingsPlanCoveredUsage' THEN 'savings_plan'
        WHEN 'DiscountedUsage' THEN 'reservation'
        ELSE 'on_demand'
    END AS cover,
    sum(coalesce(on_demand_cost, unblended_cost))::DECIMAL(38, 12) AS amount
FROM line_items
WHERE NOT split_allocation
  AND (line_item_type IN ('SavingsPlanCoveredUsage', 'DiscountedUsage')
       OR (line_item_type = 'Usage' AND lower(coalesce(pricing_term, '')) IN ('', 'ondemand')))
GROUP BY ALL

-- name: focus_usage_by_cover
SELECT
    coalesce(service, '') AS service, currency, usage_type, usage_type IS NOT NULL AS tells_type,
    CASE
        WHEN commitment_arn IS NULL THEN 'on_demand'
        WHEN commitment_arn LIKE 'arn:%:savingsplans:%' THEN 'savings_plan'
        ELSE 'reservation'
    END AS cover,
    sum(list_cost)::DECIMAL(38, 12) AS amount
FROM line_items
WHERE line_item_type = 'Usage'
  AND (commitment_arn IS NOT NULL OR lower(coalesce(pricing_term, '')) IN ('', 'standard', 'on-demand'))
GROUP BY ALL

-- name: coverage
-- `could_be_covered`: (services, pattern of the usage type). `on_demand` is null where no row tells its usage type.
SELECT
    service, currency,
    coalesce(sum(amount) FILTER (cover = 'savings_plan'), 0)::DECIMAL(38, 12) AS by_savings_plans,
    coalesce(sum(amount) FILTER (cover = 'reservation'), 0)::DECIMAL(38, 12) AS by_reservations,
    CASE WHEN (SELECT coalesce(bool_or(tells_type), true) FROM usage_by_cover)
        THEN coalesce(sum(amount) FILTER (cover = 'on_demand' AND could_be), 0)
    END::DECIMAL(38, 12) AS on_demand
FROM (
    SELECT
        usage.*,
        EXISTS (
            SELECT 1 FROM could_be_covered AS rule
            WHERE rule.service = usage.service AND regexp_matches(usage.usage_type, rule.pattern)
        ) AS could_be
    FROM usage_by_cover AS usage
)
GROUP BY service, currency
HAVING by_savings_plans <> 0 OR by_reservations <> 0 OR on_demand <> 0
ORDER BY currency, service
