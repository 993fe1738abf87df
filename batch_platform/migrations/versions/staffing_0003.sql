-- Invoices (適格請求書) and credit notes (適格返還請求書), from the draft to what is kept for years.

CREATE TABLE staffing.invoices (
    id              uuid PRIMARY KEY DEFAULT uuidv7(),
    kind            text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    month           date NOT NULL CHECK (extract(day FROM month) = 1),
    contract_id     text NOT NULL,
    company_id      text NOT NULL,
    state           text NOT NULL CHECK (state IN ('waiting_for_usage', 'nothing_due', 'draft', 'failed', 'issued',
                                                   'void')),
    revision        integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    missing_days    date[] NOT NULL DEFAULT '{}',
    failure         text,
    -- what it says, frozen when it is issued
    issuer          text,
    price_type      text CHECK (price_type IN ('net', 'gross')),
    rounding        text CHECK (rounding IN ('floor', 'half_up', 'ceil')),
    issue_date      date,
    due_date        date,
    subtotal        bigint,
    tax             bigint,
    total           bigint,
    per_rate        jsonb,
    document        jsonb,
    facts           jsonb,
    of_invoice      uuid REFERENCES staffing.invoices,
    replaces        uuid REFERENCES staffing.invoices,
    issue_required  boolean,
    approved_by     text[],
    -- how it was issued
    number_year     integer,
    number_sequence integer CHECK (number_sequence >= 1),
    predecessor     integer GENERATED ALWAYS AS (nullif(number_sequence - 1, 0)) STORED,
    number          text,
    pdf_sha256      text CHECK (pdf_sha256 ~ '^[0-9a-f]{64}$'),
    object_key      text,
    object_version  text,
    mailed_to       text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    issued_at       timestamptz,
    voided_at       timestamptz,
    void_reason     text,
    CHECK ((state IN ('issued', 'void')) = (number IS NOT NULL)),
    CHECK ((number IS NULL) = (number_sequence IS NULL) AND (number IS NULL) = (number_year IS NULL)
           AND (number IS NULL) = (pdf_sha256 IS NULL) AND (number IS NULL) = (object_key IS NULL)
           AND (number IS NULL) = (issued_at IS NULL)),
    CHECK (number_year = extract(year FROM issue_date)),
    CHECK ((state IN ('draft', 'issued', 'void')) <= (num_nulls(issuer, price_type, rounding, issue_date, subtotal, tax,
                                                               total, per_rate, document) = 0)),
    CHECK (subtotal + tax = total),
    CHECK ((state = 'waiting_for_usage') = (missing_days <> '{}')),
    CHECK ((state = 'failed') = (failure IS NOT NULL)),
    CHECK ((state = 'void') = (voided_at IS NOT NULL) AND (state = 'void') = (void_reason IS NOT NULL)),
    CHECK ((kind = 'credit_note') = (of_invoice IS NOT NULL)),
    CHECK ((kind = 'credit_note') = (issue_required IS NOT NULL)),
    CHECK (kind = 'invoice' OR (state IN ('issued', 'void') AND total < 0)),
    CONSTRAINT invoices_number_series UNIQUE (issuer, kind, number_year, number_sequence),
    CONSTRAINT invoices_number UNIQUE (issuer, number),
    CONSTRAINT invoices_number_gapless FOREIGN KEY (issuer, kind, number_year, predecessor)
        REFERENCES staffing.invoices (issuer, kind, number_year, number_sequence) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE staffing.invoices IS
    'One living row a contract, month and kind: waiting_for_usage, nothing_due, draft or failed until it is issued. '
    'A void one keeps its number and makes room for another, which names it.';
COMMENT ON COLUMN staffing.invoices.month IS 'The first day of the billed month; of a credit note that of its invoice.';
COMMENT ON COLUMN staffing.invoices.revision IS 'Raised by each change: the ETag.';
COMMENT ON COLUMN staffing.invoices.missing_days IS 'The covered days whose usage is not known.';
COMMENT ON COLUMN staffing.invoices.failure IS 'Why it cannot be made, as a message in JSON: a dead letter.';
COMMENT ON COLUMN staffing.invoices.document IS 'All that its PDF prints but the number, as staffing.documents reads it.';
COMMENT ON COLUMN staffing.invoices.facts IS 'The contract, usage and tax rates that it was computed from.';
COMMENT ON COLUMN staffing.invoices.issue_required IS
    'Whether a credit note has to be issued: not below 10,000 yen with tax (消費税法施行令第70条の9第3項第2号).';
COMMENT ON COLUMN staffing.invoices.predecessor IS 'The number before, which must be there: no gap can be committed.';
COMMENT ON COLUMN staffing.invoices.approved_by IS
    'Who agreed to issue it as it is; NULL: nobody was asked, or is still to be. A draft made anew loses it.';
COMMENT ON COLUMN staffing.invoices.mailed_to IS 'The address that a mail was handed to the outbox for; NULL: none known.';
CREATE UNIQUE INDEX invoices_living ON staffing.invoices (contract_id, month, kind) WHERE state <> 'void';
CREATE INDEX invoices_month ON staffing.invoices (month, kind, state);
CREATE INDEX invoices_issue_date ON staffing.invoices (issue_date, id) WHERE number IS NOT NULL;
CREATE INDEX invoices_company ON staffing.invoices (company_id, month);
CREATE INDEX invoices_of_invoice ON staffing.invoices (of_invoice) WHERE of_invoice IS NOT NULL;

CREATE TABLE staffing.number_counters (
    issuer  text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    year    integer NOT NULL,
    last    integer CHECK (last >= 1),
    PRIMARY KEY (issuer, kind, year),
    FOREIGN KEY (issuer, kind, year, last)
        REFERENCES staffing.invoices (issuer, kind, number_year, number_sequence) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE staffing.number_counters IS
    'The last number of each series, raised in the transaction that issues: what is rolled back was never given.';

CREATE TABLE staffing.invoice_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice  uuid NOT NULL REFERENCES staffing.invoices,
    at       timestamptz NOT NULL,
    by       text NOT NULL,
    state    text NOT NULL,
    detail   jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE staffing.invoice_events IS 'The history of an invoice; rows are only added.';
CREATE INDEX invoice_events_of ON staffing.invoice_events (invoice, id);

CREATE TABLE staffing.invoice_approvals (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deed     text NOT NULL CHECK (deed IN ('issue', 'void', 'credit')),
    target   text NOT NULL,
    seen     jsonb NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL,
    reason   text,
    used_at  timestamptz
);
COMMENT ON TABLE staffing.invoice_approvals IS
    'Who agreed to issue a month, or to void or credit an invoice, as it was seen; the second person''s word does it.';
COMMENT ON COLUMN staffing.invoice_approvals.target IS 'A month YYYY-MM, or the id of an invoice.';
COMMENT ON COLUMN staffing.invoice_approvals.used_at IS 'When it was carried out; NULL while it waits for another.';
CREATE UNIQUE INDEX invoice_approvals_waiting ON staffing.invoice_approvals (deed, target, by) WHERE used_at IS NULL;

-- What was issued stays as it is, whoever writes: of a numbered row only its end may change.
CREATE FUNCTION staffing.guard_invoice() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'invoice % has a number and is not deleted', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'void' OR NEW.state NOT IN ('issued', 'void')
       OR to_jsonb(NEW) - '{state,revision,updated_at,voided_at,void_reason,predecessor}'::text[]
          <> to_jsonb(OLD) - '{state,revision,updated_at,voided_at,void_reason,predecessor}'::text[] THEN
        RAISE EXCEPTION 'invoice % is issued and is not changed', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_invoice BEFORE UPDATE OR DELETE ON staffing.invoices
    FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION staffing.guard_invoice();

CREATE FUNCTION staffing.guard_history() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of invoices is only added to' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER guard_history BEFORE UPDATE OR DELETE ON staffing.invoice_events
    FOR EACH ROW EXECUTE FUNCTION staffing.guard_history();

-- A series only grows: each row must follow the one before, and the counter names the last.
CREATE FUNCTION staffing.guard_counter() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.last < OLD.last OR NEW.last IS NULL THEN
        RAISE EXCEPTION 'a number that was given is not taken back' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_counter BEFORE UPDATE OR DELETE ON staffing.number_counters
    FOR EACH ROW EXECUTE FUNCTION staffing.guard_counter();
