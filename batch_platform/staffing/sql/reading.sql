-- Invoices and credit notes as people look for them (電子帳簿保存法: by date, amount and counterparty, with ranges).

-- name: invoices_page
SELECT i.id, i.kind, i.month, i.contract_id, i.company_id, co.name AS company_name, i.state, i.revision,
       i.missing_days, i.failure, i.issuer, i.price_type, i.rounding, i.issue_date, i.due_date, i.subtotal, i.tax,
       i.total, i.per_rate, i.number, i.pdf_sha256, i.mailed_to, i.issue_required, i.issued_at, i.voided_at,
       i.void_reason, origin.number AS of_invoice, replaced.number AS replaces
  FROM invoices i
  LEFT JOIN companies co ON co.company_id = i.company_id
  LEFT JOIN invoices origin ON origin.id = i.of_invoice
  LEFT JOIN invoices replaced ON replaced.id = i.replaces
 WHERE (%(id)s::uuid IS NULL OR i.id = %(id)s)
   AND (%(number)s::text IS NULL OR i.number = %(number)s)
   AND (%(of_invoice)s::uuid IS NULL OR i.of_invoice = %(of_invoice)s)
   AND (%(month)s::date IS NULL OR i.month = %(month)s)
   AND (%(kind)s::text IS NULL OR i.kind = %(kind)s)
   AND (%(states)s::text[] IS NULL OR i.state = ANY(%(states)s))
   AND (%(company_ids)s::text[] IS NULL OR i.company_id = ANY(%(company_ids)s))
   AND (%(counterparty)s::text IS NULL
        OR position(lower(%(counterparty)s) IN lower(i.document -> 'recipient' ->> 'name')) > 0)
   AND (%(issued_from)s::date IS NULL OR i.issue_date >= %(issued_from)s)
   AND (%(issued_to)s::date IS NULL OR i.issue_date <= %(issued_to)s)
   AND (%(total_from)s::bigint IS NULL OR i.total >= %(total_from)s)
   AND (%(total_to)s::bigint IS NULL OR i.total <= %(total_to)s)
   AND (%(after)s::uuid IS NULL
        OR (i.month, coalesce(id_number(i.company_id), 'Infinity'), id_text(i.company_id),
            coalesce(id_number(i.contract_id), 'Infinity'), id_text(i.contract_id), i.id)
           > (SELECT a.month, coalesce(id_number(a.company_id), 'Infinity'), id_text(a.company_id),
                     coalesce(id_number(a.contract_id), 'Infinity'), id_text(a.contract_id), a.id
                FROM invoices a WHERE a.id = %(after)s))
 ORDER BY i.month, coalesce(id_number(i.company_id), 'Infinity'), id_text(i.company_id),
          coalesce(id_number(i.contract_id), 'Infinity'), id_text(i.contract_id), i.id
 LIMIT %(limit)s;

-- name: invoice_document
SELECT document, number, pdf_sha256, object_key
  FROM invoices
 WHERE id = %(id)s;

-- name: invoice_events
SELECT at, by, state, detail
  FROM invoice_events
 WHERE invoice = %(id)s
 ORDER BY id;
