-- What the contracts of a month are billed, until it is issued.

-- name: lock_month
SELECT pg_advisory_xact_lock(hashtextextended('staffing.invoices ' || %(month)s::date, 0));

-- name: contracts_to_bill
-- Contracts that overlap the month, or have a draft of it, and no issued invoice.
SELECT c.contract_id
  FROM contracts c
  LEFT JOIN invoices i ON i.contract_id = c.contract_id AND i.month = %(month)s AND i.kind = 'invoice'
                      AND i.state <> 'void'
 WHERE i.state IS DISTINCT FROM 'issued'
   AND (i.id IS NOT NULL
        OR (c.starts_on < (%(month)s::date + interval '1 month')::date AND c.starts_on <= coalesce(c.ends_on, c.starts_on)
            AND (c.ends_on IS NULL OR c.ends_on >= %(month)s::date)))
 ORDER BY id_number(c.company_id) NULLS LAST, id_text(c.company_id),
          id_number(c.contract_id) NULLS LAST, id_text(c.contract_id);

-- name: billing_facts
-- All that the invoices of these contracts are computed from, in the order of the ids.
SELECT c.contract_id, c.company_id, c.issuer, to_jsonb(c) - 'line_digest' AS contract,
       co.name AS company_name, co.address AS company_address, co.email AS company_email,
       coalesce(used.days, '{}') AS usage, voided.id AS replaces, voided.number AS replaced_number
  FROM unnest(%(contract_ids)s::text[]) WITH ORDINALITY AS wanted(contract_id, position)
  JOIN contracts c USING (contract_id)
  LEFT JOIN companies co ON co.company_id = c.company_id
  LEFT JOIN LATERAL (
       SELECT jsonb_object_agg(u.date, jsonb_build_array(u.total_users, u.total_engineers)) AS days
         FROM usage_days u
        WHERE u.company_id = c.company_id
          AND u.date >= greatest(c.starts_on, %(month)s::date)
          AND u.date < (%(month)s::date + interval '1 month')::date
          AND (c.ends_on IS NULL OR u.date <= c.ends_on)) AS used ON true
  LEFT JOIN LATERAL (
       SELECT v.id, v.number
         FROM invoices v
        WHERE v.contract_id = c.contract_id AND v.month = %(month)s AND v.kind = 'invoice' AND v.state = 'void'
        ORDER BY v.voided_at DESC, v.number_sequence DESC
        LIMIT 1) AS voided ON true
 ORDER BY wanted.position;

-- name: issuers
SELECT registration_number, name, tax_rounding, number_prefix,
       coalesce(credit_number_prefix, number_prefix || '-CN') AS credit_number_prefix, address, phone, bank_account
  FROM issuers
 ORDER BY registration_number;

-- name: tax_rates
SELECT category, trim_scale(rate)::text AS rate, valid_from::text, valid_to::text
  FROM tax_rates
 ORDER BY category, valid_from;

-- name: save_drafts
-- What differs from what is there; how many. An issued invoice is left alone.
WITH saved AS (
    INSERT INTO invoices AS i (kind, month, contract_id, company_id, state, missing_days, failure, issuer, price_type,
                               rounding, issue_date, due_date, subtotal, tax, total, per_rate, document, facts,
                               replaces, created_at, updated_at)
    SELECT 'invoice', %(month)s, g.contract_id, g.company_id, g.state, coalesce(g.missing_days, '{}'), g.failure,
           g.issuer, g.price_type, g.rounding, g.issue_date, g.due_date, g.subtotal, g.tax, g.total, g.per_rate,
           g.document, g.facts, g.replaces, %(now)s, %(now)s
      FROM jsonb_populate_recordset(NULL::invoices, %(rows)s) AS g
    ON CONFLICT (contract_id, month, kind) WHERE state <> 'void' DO UPDATE
    SET company_id = excluded.company_id, state = excluded.state, missing_days = excluded.missing_days,
        failure = excluded.failure, issuer = excluded.issuer, price_type = excluded.price_type,
        rounding = excluded.rounding, issue_date = excluded.issue_date, due_date = excluded.due_date,
        subtotal = excluded.subtotal, tax = excluded.tax, total = excluded.total, per_rate = excluded.per_rate,
        document = excluded.document, facts = excluded.facts, replaces = excluded.replaces,
        approved_by = NULL, updated_at = excluded.updated_at, revision = i.revision + 1
    WHERE i.state <> 'issued'
      AND (i.company_id, i.state, i.missing_days, i.failure, i.issuer, i.rounding, i.due_date, i.document, i.facts,
           i.replaces)
          IS DISTINCT FROM
          (excluded.company_id, excluded.state, excluded.missing_days, excluded.failure, excluded.issuer,
           excluded.rounding, excluded.due_date, excluded.document, excluded.facts, excluded.replaces)
    RETURNING i.id, i.state, i.total, i.missing_days, i.failure)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, state,
       jsonb_strip_nulls(jsonb_build_object('total', total, 'missing_days', nullif(missing_days, '{}'),
                                            'failure', failure))
  FROM saved;

-- name: month_states
-- How many invoices of a month are in which state, and what they come to.
SELECT state, count(*)::integer AS invoices, coalesce(sum(total), 0)::bigint AS total
  FROM invoices
 WHERE month = %(month)s AND kind = 'invoice'
 GROUP BY state
 ORDER BY state;

-- name: undone_invoices
-- What of a month waits or has failed, and why.
SELECT contract_id, company_id, state, missing_days, failure
  FROM invoices
 WHERE month = %(month)s AND kind = 'invoice' AND state IN ('waiting_for_usage', 'failed')
 ORDER BY id_number(company_id) NULLS LAST, id_text(company_id),
          id_number(contract_id) NULLS LAST, id_text(contract_id);

-- name: month_invoices
SELECT contract_id, state, total
  FROM invoices
 WHERE month = %(month)s AND kind = 'invoice' AND state <> 'void';

-- name: unmailed_contracts
-- Issued invoices of a month whose company had no address.
SELECT contract_id
  FROM invoices
 WHERE month = %(month)s AND kind = 'invoice' AND state = 'issued' AND mailed_to IS NULL
 ORDER BY id_number(company_id) NULLS LAST, id_text(company_id),
          id_number(contract_id) NULLS LAST, id_text(contract_id);

-- name: unfinished_months
-- The newest month; and since the first that was billed, those without invoices, or with one that waits for usage.
SELECT m.month::date AS month
  FROM generate_series(coalesce((SELECT min(month) FROM invoices), %(newest)s::date), %(newest)s::date, '1 month') AS m(month)
 WHERE m.month = %(newest)s
    OR NOT EXISTS (SELECT FROM invoices i WHERE i.month = m.month)
    OR EXISTS (SELECT FROM invoices i WHERE i.month = m.month AND i.state = 'waiting_for_usage')
 ORDER BY m.month;

-- name: totals_by_month
SELECT month, count(*)::integer AS invoices, sum(total)::bigint AS total
  FROM invoices
 WHERE month BETWEEN %(first)s AND %(last)s AND kind = 'invoice' AND state = 'issued'
 GROUP BY month
 ORDER BY month;
