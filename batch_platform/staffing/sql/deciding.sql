-- What people decide about invoices: who agreed, and what is void or given back.

-- name: drafts_seen
-- The drafts of a month that nobody has agreed to yet, as people see them.
SELECT count(*)::integer AS count, coalesce(sum(total), 0)::bigint AS total,
       encode(sha256(convert_to(coalesce(string_agg(id || ' ' || revision, ',' ORDER BY id), ''), 'UTF8')), 'hex') AS digest
  FROM invoices
 WHERE month = %(month)s AND kind = 'invoice' AND state = 'draft' AND approved_by IS NULL;

-- name: waiting_approvals
SELECT by, at, seen, reason
  FROM invoice_approvals
 WHERE deed = %(deed)s AND target = %(target)s AND used_at IS NULL
 ORDER BY id;

-- name: add_approval
-- Whoever has agreed to something else before agrees to this now.
INSERT INTO invoice_approvals (deed, target, seen, by, at, reason)
VALUES (%(deed)s, %(target)s, %(seen)s, %(by)s, %(at)s, %(reason)s)
ON CONFLICT (deed, target, by) WHERE used_at IS NULL DO UPDATE
SET seen = excluded.seen, at = excluded.at, reason = excluded.reason;

-- name: use_approvals
UPDATE invoice_approvals
   SET used_at = %(now)s
 WHERE deed = %(deed)s AND target = %(target)s AND used_at IS NULL;

-- name: approve_drafts
WITH approved AS (
    UPDATE invoices
       SET approved_by = %(approvers)s
     WHERE month = %(month)s AND kind = 'invoice' AND state = 'draft' AND approved_by IS NULL
    RETURNING id)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, 'draft', jsonb_build_object('approved_by', %(approvers)s::text[])
  FROM approved;

-- name: hold_invoice
SELECT i.id, i.kind, i.month, i.contract_id, i.company_id, i.state, i.revision, i.issuer, i.price_type, i.rounding,
       i.issue_date, i.total, i.per_rate, i.document, i.facts, i.number,
       coalesce(s.credit_number_prefix, s.number_prefix || '-CN') AS credit_number_prefix, co.email,
       credited.number AS credited_by
  FROM invoices i
  JOIN issuers s ON s.registration_number = i.issuer
  LEFT JOIN companies co ON co.company_id = i.company_id
  LEFT JOIN invoices credited ON credited.of_invoice = i.id AND credited.state = 'issued'
 WHERE i.id = %(id)s
   FOR UPDATE OF i;

-- name: void_invoice
WITH voided AS (
    UPDATE invoices
       SET state = 'void', revision = revision + 1, voided_at = %(now)s, void_reason = %(reason)s, updated_at = %(now)s
     WHERE id = %(id)s AND state = 'issued'
    RETURNING id)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, 'void', jsonb_build_object('reason', %(reason)s::text, 'approved_by', %(approvers)s::text[])
  FROM voided;

-- name: add_credit_note
WITH added AS (
    INSERT INTO invoices (id, kind, month, contract_id, company_id, state, issuer, price_type, rounding, issue_date,
                          subtotal, tax, total, per_rate, document, of_invoice, issue_required, approved_by,
                          number_year, number_sequence, number, pdf_sha256, object_key, object_version, mailed_to,
                          created_at, updated_at, issued_at)
    SELECT g.id, 'credit_note', g.month, g.contract_id, g.company_id, 'issued', g.issuer, g.price_type, g.rounding,
           g.issue_date, g.subtotal, g.tax, g.total, g.per_rate, g.document, g.of_invoice, g.issue_required,
           g.approved_by, extract(year FROM g.issue_date), g.number_sequence, g.number, g.pdf_sha256, g.object_key,
           g.object_version, g.mailed_to, %(now)s, %(now)s, %(now)s
      FROM jsonb_populate_record(NULL::invoices, %(row)s) AS g
    RETURNING id, number, pdf_sha256, mailed_to, approved_by)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, 'issued',
       jsonb_build_object('number', number, 'pdf_sha256', pdf_sha256, 'mailed_to', mailed_to, 'approved_by', approved_by,
                          'reason', %(reason)s::text)
  FROM added;
