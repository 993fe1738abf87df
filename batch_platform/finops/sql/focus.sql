-- The line items of a month, as measures.sql groups and measures them -> rows of FOCUS 1.2; README.md tells what is
-- left out. Beside the columns of the measures, `measured` has those of focus.ITEMS and the sums of focus.FIGURES.
-- BilledCost, EffectiveCost and ListCost add up to the measures billed, amortized and list_cost.
-- Sources: FOCUS 1.2 (columns, "Discount Handling"), the AWS CUR user guide.

-- name: cur_focus
-- A commitment's fee is a Purchase without EffectiveCost; what no usage carries of it is a second row, unused Usage.
-- What a savings plan covers is charged, and taken off again by a negation: where both come to nothing, the usage is
-- shown as not billed and the negation left out.
WITH measured AS ($measures),
covered AS (
    SELECT usage_date, payer_account_id, usage_account_id, service, region, currency, commitment_arn, true AS nets
    FROM measured
    WHERE line_item_type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation') AND commitment_arn IS NOT NULL
    GROUP BY ALL
    HAVING sum(billed) = 0
        AND bool_and(amortized = 0 AND list_cost = 0) FILTER (line_item_type = 'SavingsPlanNegation')
), charges AS (
    SELECT
        measured.*, is_unused,
        nets IS NOT NULL AND line_item_type = 'SavingsPlanCoveredUsage' AS is_offset,
        CASE
            WHEN is_unused OR charge_class = 'usage' THEN 'Usage'
            WHEN charge_class IN ('fee', 'commitment_fee') THEN 'Purchase'
            WHEN description LIKE 'Refund for one-time fee for Savings Plan ID%' AND charge_class = 'refund' THEN 'Purchase'
            WHEN charge_class = 'tax' THEN 'Tax'
            WHEN charge_class = 'credit' THEN 'Credit'
            ELSE 'Adjustment'
        END AS category
    FROM measured
    LEFT JOIN covered
        USING (usage_date, payer_account_id, usage_account_id, service, region, currency, commitment_arn)
    CROSS JOIN (VALUES (false), (true)) AS part (is_unused)
    WHERE (NOT is_unused OR (charge_class = 'commitment_fee' AND amortized <> 0))
        AND NOT (line_item_type = 'SavingsPlanNegation' AND nets IS NOT NULL)
)
SELECT
    CASE WHEN is_unused OR is_offset THEN 0 ELSE billed END AS BilledCost,
    payer_account_id AS BillingAccountId,
    payer_account_name AS BillingAccountName,
    currency AS BillingCurrency,
    category AS ChargeCategory,
    CASE WHEN charge_class = 'refund' THEN 'Correction' END AS ChargeClass,
    description AS ChargeDescription,
    CASE
        WHEN category = 'Usage' THEN 'Usage-Based'
        WHEN line_item_type IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
        ELSE 'One-Time'
    END AS ChargeFrequency,
    usage_date,
    commitment_arn AS CommitmentDiscountId,
    CASE WHEN commitment_arn IS NULL OR category <> 'Usage' THEN NULL WHEN is_unused THEN 'Unused' ELSE 'Used' END
        AS CommitmentDiscountStatus,
    CASE
        WHEN is_unused OR line_item_type = 'SavingsPlanNegation' THEN 0
        -- what would be due without the reservation
        WHEN line_item_type = 'DiscountedUsage' THEN list_cost
        ELSE billed
    END AS ContractedCost,
    CASE WHEN charge_class = 'commitment_fee' AND NOT is_unused THEN 0 ELSE amortized END AS EffectiveCost,
    invoice_id AS InvoiceId,
    coalesce(invoice_issuer, 'AWS') AS InvoiceIssuerName,
    CASE WHEN is_unused THEN 0 ELSE list_cost END AS ListCost,
    CASE
        WHEN category NOT IN ('Usage', 'Purchase') OR charge_class = 'refund' THEN NULL
        WHEN category = 'Purchase' THEN 'Standard'
        WHEN commitment_arn IS NOT NULL THEN 'Committed'
        WHEN pricing_term = 'Spot' OR contains(usage_type, 'SpotUsage') THEN 'Dynamic'
        ELSE 'Standard'
    END AS PricingCategory,
    CASE
        WHEN category NOT IN ('Usage', 'Purchase') OR is_unused OR line_item_type = 'SavingsPlanNegation' THEN NULL
        WHEN pricing_unit IS NOT NULL THEN usage_amount
    END AS PricingQuantity,
    -- FOCUS, "Unit Format": Hours and GB-Months
    regexp_replace(regexp_replace(pricing_unit, '\bHrs$', 'Hours'), '\bMo$', 'Months') AS PricingUnit,
    coalesce(publisher, 'AWS') AS PublisherName,
    region AS RegionId,
    CASE WHEN is_unused OR charge_class = 'commitment_fee' THEN commitment_arn ELSE resource_id END AS ResourceId,
    NULL::VARCHAR AS ServiceCategory,
    service AS ServiceName,
    usage_account_id AS SubAccountId
FROM charges

-- name: focus_focus
SELECT
    billed AS BilledCost,
    payer_account_id AS BillingAccountId,
    payer_account_name AS BillingAccountName,
    currency AS BillingCurrency,
    split_part(line_item_type, ' ', 1) AS ChargeCategory,
    correction AS ChargeClass,
    description AS ChargeDescription,
    CASE
        WHEN line_item_type LIKE 'Usage%' THEN 'Usage-Based'
        WHEN line_item_type = 'Purchase' THEN 'Recurring'
        ELSE 'One-Time'
    END AS ChargeFrequency,
    usage_date,
    commitment_arn AS CommitmentDiscountId,
    CASE
        WHEN commitment_arn IS NULL OR line_item_type NOT LIKE 'Usage%' THEN NULL
        WHEN line_item_type = 'Usage Unused' THEN 'Unused'
        ELSE 'Used'
    END AS CommitmentDiscountStatus,
    -- without negotiated discounts it is the list cost
    coalesce(contracted_cost, list_cost) AS ContractedCost,
    amortized AS EffectiveCost,
    invoice_id AS InvoiceId,
    coalesce(invoice_issuer, 'AWS') AS InvoiceIssuerName,
    list_cost AS ListCost,
    pricing_term AS PricingCategory,
    CASE WHEN pricing_unit IS NOT NULL THEN pricing_quantity END AS PricingQuantity,
    pricing_unit AS PricingUnit,
    coalesce(publisher, 'AWS') AS PublisherName,
    region AS RegionId,
    resource_id AS ResourceId,
    service_category AS ServiceCategory,
    service AS ServiceName,
    usage_account_id AS SubAccountId
FROM ($measures)

-- name: focus_rows
-- The columns of the export, of what the two above tell.
SELECT
    BilledCost::DECIMAL(38, 12) AS BilledCost,
    nullif(BillingAccountId, '') AS BillingAccountId,
    BillingAccountName,
    BillingCurrency,
    ($month::DATE + INTERVAL 1 MONTH)::TIMESTAMP AS BillingPeriodEnd,
    $month::TIMESTAMP AS BillingPeriodStart,
    ChargeCategory,
    ChargeClass,
    ChargeDescription,
    ChargeFrequency,
    (usage_date + INTERVAL 1 DAY)::TIMESTAMP AS ChargePeriodEnd,
    usage_date::TIMESTAMP AS ChargePeriodStart,
    CASE
        WHEN CommitmentDiscountId LIKE 'arn:%:savingsplans:%' THEN 'Spend'
        WHEN CommitmentDiscountId IS NOT NULL THEN 'Usage'
    END AS CommitmentDiscountCategory,
    CommitmentDiscountId,
    CommitmentDiscountStatus,
    CASE
        WHEN CommitmentDiscountId LIKE 'arn:%:savingsplans:%' THEN 'Savings Plan'
        WHEN CommitmentDiscountId IS NOT NULL THEN 'Reserved Instance'
    END AS CommitmentDiscountType,
    ContractedCost::DECIMAL(38, 12) AS ContractedCost,
    EffectiveCost::DECIMAL(38, 12) AS EffectiveCost,
    InvoiceId,
    InvoiceIssuerName,
    ListCost::DECIMAL(38, 12) AS ListCost,
    PricingCategory,
    PricingQuantity::DECIMAL(38, 12) AS PricingQuantity,
    CASE WHEN PricingQuantity IS NOT NULL THEN PricingUnit END AS PricingUnit,
    'AWS' AS ProviderName,
    PublisherName,
    nullif(RegionId, '') AS RegionId,
    ResourceId,
    coalesce(ServiceCategory, category_of_service, 'Other') AS ServiceCategory,
    nullif(ServiceName, '') AS ServiceName,
    nullif(SubAccountId, '') AS SubAccountId
FROM ($rows)
LEFT JOIN service_categories ON service_categories.service = ServiceName
