-- Monthly budgets, and a revision by which readers know whether the costs they keep still stand.

CREATE TABLE finops.finops_budgets (
    project_id      text NOT NULL REFERENCES finops.finops_project_connections,
    measure         text NOT NULL CHECK (measure IN
                    ('unblended', 'amortized', 'net_unblended', 'net_amortized', 'billed', 'list')),
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    monthly_amount  numeric(38,12) NOT NULL CHECK (monthly_amount > 0),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (project_id, measure, currency)
);
COMMENT ON TABLE finops.finops_budgets IS 'What a project may cost in a month. One row per measure and currency.';
COMMENT ON COLUMN finops.finops_budgets.measure IS 'Which of the measures is held against the amount.';
COMMENT ON COLUMN finops.finops_budgets.monthly_amount IS 'Amount in currency, for each billing month.';

ALTER TABLE finops.finops_months ADD COLUMN costs_revision bigint NOT NULL DEFAULT 0 CHECK (costs_revision >= 0);
COMMENT ON COLUMN finops.finops_months.costs_revision IS
    'Counts how often the month''s costs were replaced; together with the version it names their content.';
