-- Invoices of a month against the facts, worked out again, and what must hold of all numbers.

-- name: recomputed_charges
-- What each contract of a month is charged by tax rate before discounts, from the facts, and the invoice that is there.
WITH covered AS (
    SELECT c.contract_id, c.company_id, c.issuer, c.terms, c.payment, c.price_type, c.proration, c.discounts, c.extras,
           greatest(c.starts_on, %(month)s::date) AS first,
           least(c.ends_on, (%(month)s::date + interval '1 month')::date - 1) AS last,
           (%(month)s::date + interval '1 month')::date - %(month)s::date AS of_days
      FROM contracts c
     WHERE c.starts_on < (%(month)s::date + interval '1 month')::date
       AND c.starts_on <= coalesce(c.ends_on, c.starts_on)
       AND (c.ends_on IS NULL OR c.ends_on >= %(month)s::date)),
plans AS (
    SELECT v.contract_id, t.terms, (t.terms ->> 'from')::date AS begins,
           lead((t.terms ->> 'from')::date) OVER (PARTITION BY v.contract_id ORDER BY (t.terms ->> 'from')::date)
               AS following
      FROM covered v, jsonb_array_elements(v.terms) AS t(terms)),
segments AS (
    SELECT v.contract_id, v.company_id, v.of_days, v.proration, p.terms, greatest(v.first, p.begins) AS first,
           least(v.last, p.following - 1) AS last
      FROM covered v JOIN plans p USING (contract_id)
     WHERE greatest(v.first, p.begins) <= least(v.last, p.following - 1)),
used AS (
    SELECT s.contract_id, s.terms, s.first, s.last, s.of_days, s.proration, s.last - s.first + 1 AS days,
           count(u.date) AS known, max(u.total_users) AS users, max(u.total_engineers) AS engineers
      FROM segments s
      LEFT JOIN usage_days u ON u.company_id = s.company_id AND u.date BETWEEN s.first AND s.last
     GROUP BY s.contract_id, s.terms, s.first, s.last, s.of_days, s.proration),
charged AS (
    SELECT u.contract_id, coalesce(u.terms ->> 'category', 'standard') AS category, u.last AS service_day,
           CASE u.proration WHEN 'full' THEN l.quantity * l.price
                            ELSE div(l.quantity * l.price * u.days, u.of_days) END AS amount
      FROM used u, LATERAL (VALUES
           (1::numeric, (u.terms ->> 'base_price')::numeric),
           (greatest(u.users - (u.terms ->> 'max_users')::numeric, 0), (u.terms ->> 'price_per_user')::numeric),
           (greatest(u.engineers - (u.terms ->> 'max_engineers')::numeric, 0),
            (u.terms ->> 'price_per_engineer')::numeric)) AS l(quantity, price)
    UNION ALL
    SELECT v.contract_id, coalesce(e.item ->> 'category', 'standard'), (e.item ->> 'date')::date,
           (e.item ->> 'quantity')::numeric * (e.item ->> 'unit_price')::numeric
      FROM covered v, jsonb_array_elements(v.extras) AS e(item)
     WHERE (e.item ->> 'date')::date >= %(month)s::date
       AND (e.item ->> 'date')::date < (%(month)s::date + interval '1 month')::date),
rated AS (
    SELECT g.contract_id, r.rate, r.category IS NOT NULL AS known, sum(g.amount) AS amount
      FROM charged g
      LEFT JOIN LATERAL (
           SELECT t.category, t.rate
             FROM tax_rates t
            WHERE t.category = g.category AND t.valid_from <= g.service_day
              AND (t.valid_to IS NULL OR t.valid_to >= g.service_day)
            ORDER BY t.valid_from DESC
            LIMIT 1) AS r ON true
     WHERE g.amount <> 0
     GROUP BY g.contract_id, r.rate, r.category IS NOT NULL)
SELECT v.contract_id, v.price_type, v.payment, v.discounts, s.tax_rounding, co.company_id IS NOT NULL AS has_company,
       coalesce((SELECT sum(u.days - u.known) FROM used u WHERE u.contract_id = v.contract_id), 0)::integer
           AS missing_days,
       coalesce((SELECT jsonb_agg(jsonb_build_array(trim_scale(a.rate)::text, a.amount))
                   FROM rated a WHERE a.contract_id = v.contract_id AND a.known), '[]') AS amounts,
       EXISTS (SELECT FROM rated a WHERE a.contract_id = v.contract_id AND NOT a.known) AS lacks_rate,
       i.state, i.number, i.due_date, i.issue_date, i.subtotal, i.tax, i.total, i.per_rate, i.failure
  FROM covered v
  LEFT JOIN companies co ON co.company_id = v.company_id
  LEFT JOIN issuers s ON s.registration_number = coalesce(v.issuer, CASE (SELECT count(*) FROM issuers)
                                                                    WHEN 1 THEN s.registration_number END)
  LEFT JOIN invoices i ON i.contract_id = v.contract_id AND i.month = %(month)s AND i.kind = 'invoice'
                      AND i.state <> 'void'
 ORDER BY id_number(v.company_id) NULLS LAST, id_text(v.company_id),
          id_number(v.contract_id) NULLS LAST, id_text(v.contract_id);

-- name: broken_series
-- Series of numbers with a gap, a number twice, or a counter that says otherwise.
SELECT coalesce(i.issuer, c.issuer) AS issuer, coalesce(i.kind, c.kind) AS kind, coalesce(i.year, c.year) AS year,
       coalesce(i.documents, 0) AS documents, coalesce(i.last, 0) AS last, coalesce(c.last, 0) AS counter
  FROM (SELECT issuer, kind, number_year AS year, count(*)::integer AS documents, max(number_sequence) AS last
          FROM invoices WHERE number IS NOT NULL GROUP BY issuer, kind, number_year) AS i
  FULL JOIN number_counters c ON (c.issuer, c.kind, c.year) = (i.issuer, i.kind, i.year)
 WHERE (i.documents, i.last) IS DISTINCT FROM (c.last, c.last) AND (i.issuer IS NOT NULL OR c.last IS NOT NULL)
 ORDER BY 1, 2, 3;

-- name: billed_twice
SELECT contract_id, kind, count(*)::integer AS documents
  FROM invoices
 WHERE month = %(month)s AND state <> 'void'
 GROUP BY contract_id, kind
HAVING count(*) > 1;

-- name: issued_documents
-- What a month has issued, void ones too, with where its file lies and whom it was mailed to.
SELECT id, number, mailed_to, object_key, pdf_sha256, subtotal, tax, total, per_rate
  FROM invoices
 WHERE month = %(month)s AND number IS NOT NULL
 ORDER BY number;

-- name: stray_invoices
-- Living documents of contracts that do not overlap the month, or are not there.
SELECT i.contract_id, i.number, i.state
  FROM invoices i
  LEFT JOIN contracts c ON c.contract_id = i.contract_id
       AND c.starts_on < (%(month)s::date + interval '1 month')::date
       AND c.starts_on <= coalesce(c.ends_on, c.starts_on)
       AND (c.ends_on IS NULL OR c.ends_on >= %(month)s::date)
 WHERE i.month = %(month)s AND i.kind = 'invoice' AND i.state IN ('issued', 'draft') AND c.contract_id IS NULL;
