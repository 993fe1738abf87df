-- Numbers, and what is issued under them.

-- name: drafts_to_issue
-- The next drafts of a month in the order of their numbers, held until the transaction ends.
SELECT i.id, i.kind, i.contract_id, i.company_id, i.issuer, i.issue_date, i.due_date, i.total, i.document,
       s.number_prefix, co.name AS company_name, co.email
  FROM invoices i
  JOIN issuers s ON s.registration_number = i.issuer
  LEFT JOIN companies co ON co.company_id = i.company_id
 WHERE i.month = %(month)s AND i.kind = 'invoice' AND i.state = 'draft'
   AND (NOT %(approved)s OR i.approved_by IS NOT NULL)
 ORDER BY id_number(i.company_id) NULLS LAST, id_text(i.company_id),
          id_number(i.contract_id) NULLS LAST, id_text(i.contract_id)
 LIMIT %(limit)s
   FOR UPDATE OF i;

-- name: add_counter
INSERT INTO number_counters (issuer, kind, year, last)
VALUES (%(issuer)s, %(kind)s, %(year)s, NULL)
ON CONFLICT DO NOTHING;

-- name: hold_counter
SELECT coalesce(last, 0)
  FROM number_counters
 WHERE issuer = %(issuer)s AND kind = %(kind)s AND year = %(year)s
   FOR UPDATE;

-- name: raise_counter
UPDATE number_counters
   SET last = %(last)s
 WHERE issuer = %(issuer)s AND kind = %(kind)s AND year = %(year)s;

-- name: save_issued
WITH issued AS (
    UPDATE invoices i
       SET state = 'issued', revision = i.revision + 1, number_year = extract(year FROM i.issue_date),
           number_sequence = g.number_sequence, number = g.number, pdf_sha256 = g.pdf_sha256,
           object_key = g.object_key, object_version = g.object_version, mailed_to = g.mailed_to,
           issued_at = %(now)s, updated_at = %(now)s
      FROM jsonb_populate_recordset(NULL::invoices, %(rows)s) AS g
     WHERE i.id = g.id AND i.state = 'draft'
    RETURNING i.id, i.number, i.pdf_sha256, i.mailed_to)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, 'issued',
       jsonb_build_object('number', number, 'pdf_sha256', pdf_sha256, 'mailed_to', mailed_to)
  FROM issued;

-- name: save_failed
WITH failed AS (
    UPDATE invoices i
       SET state = 'failed', revision = i.revision + 1, failure = g.failure, updated_at = %(now)s
      FROM jsonb_populate_recordset(NULL::invoices, %(rows)s) AS g
     WHERE i.id = g.id AND i.state = 'draft'
    RETURNING i.id, i.failure)
INSERT INTO invoice_events (invoice, at, by, state, detail)
SELECT id, %(now)s, %(by)s, 'failed', jsonb_build_object('failure', failure)
  FROM failed;
