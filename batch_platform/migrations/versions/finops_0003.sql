-- A month whose rows carry no InvoiceId is final when it has stood unchanged for ten days after its end.

ALTER TABLE finops.finops_months ADD COLUMN final_from timestamptz;
ALTER TABLE finops.finops_months ADD CHECK (final_from IS NULL OR state = 'closing');
COMMENT ON COLUMN finops.finops_months.final_from IS
    'Of a closing month whose rows carry no InvoiceId: when it is final, if nothing newer is delivered.';
COMMENT ON COLUMN finops.finops_months.state IS
    'open: the month runs. closing: it has ended. final: every row that costs something has its InvoiceId, or no row has '
    'one and nothing changed for ten days. restated: changed after final.';

-- published by an older rule: looked at once more, after which it says what holds for it
UPDATE finops.finops_months
SET final_from = greatest(delivered_at, (billing_month + interval '1 month') AT TIME ZONE 'UTC') + interval '10 days'
WHERE state = 'closing';

CREATE INDEX finops_months_final_from ON finops.finops_months (final_from) WHERE final_from IS NOT NULL;
