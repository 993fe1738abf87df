-- What a month came to, for its reports, and the reports themselves. Facts of a day are those that daily jobs have written.

-- name: lock_reports
SELECT pg_advisory_xact_lock(hashtextextended('staffing.reports ' || %(month)s::date, 0));

-- name: report_companies
-- companies that existed in any moment of the month
SELECT c.company_id FROM companies AS c
WHERE (c.created_at IS NULL OR c.created_at < day_start(%(last)s::date + 1))
  AND (c.closed_at IS NULL OR c.closed_at > day_start(%(first)s::date))
ORDER BY id_number(c.company_id) NULLS LAST, id_text(c.company_id);

-- name: companies_named
SELECT c.company_id, c.name, c.email FROM companies AS c WHERE c.company_id = ANY(%(companies)s);

-- name: company_days
-- one row a day on which a company existed, with NULLs where nothing was aggregated
SELECT c.company_id, d.day::date AS day, u.aggregated_at IS NOT NULL AS aggregated, u.total_users, u.total_engineers,
       u.active_users, u.active_engineers, u.login_count, u.api_call_count, u.storage_usage_mb, u.email_sent_count,
       m.sent, m.opened, m.replied, a.skill_sheet_edits, a.approaches_received, a.replies
FROM companies AS c
CROSS JOIN generate_series(%(first)s::date::timestamp, %(last)s::date::timestamp, interval '1 day') AS d (day)
LEFT JOIN usage_days AS u ON u.company_id = c.company_id AND u.date = d.day::date
LEFT JOIN approach_metrics AS m ON m.company_id = c.company_id AND m.date = d.day::date
LEFT JOIN engineer_activity AS a ON a.company_id = c.company_id AND a.date = d.day::date
WHERE c.company_id = ANY(%(companies)s)
  AND (c.created_at IS NULL OR c.created_at < day_start(d.day::date + 1))
  AND (c.closed_at IS NULL OR c.closed_at > day_start(d.day::date))
ORDER BY c.company_id, d.day;

-- name: company_features
-- calls of the month by feature, most first; all companies together where none is named
SELECT CASE WHEN %(companies)s::text[] IS NULL THEN NULL ELSE u.company_id END AS company_id, f.key AS feature,
       sum(f.value::bigint) AS calls
FROM usage_days AS u
CROSS JOIN jsonb_each_text(u.feature_usage) AS f
WHERE u.date BETWEEN %(first)s AND %(last)s AND (%(companies)s::text[] IS NULL OR u.company_id = ANY(%(companies)s))
GROUP BY 1, f.key
ORDER BY 1, calls DESC, f.key COLLATE "C";

-- name: company_statuses
-- engineers by status as known on a day
SELECT e.company_id, c.status, count(*) AS engineers
FROM engineers AS e
CROSS JOIN LATERAL (
    SELECT s.status FROM status_changes AS s
    WHERE s.engineer_id = e.engineer_id AND s.day <= %(day)s AND s.revision = 0
    ORDER BY s.day DESC
    LIMIT 1
) AS c
WHERE e.company_id = ANY(%(companies)s) AND c.status IS NOT NULL
GROUP BY e.company_id, c.status;

-- name: busiest_companies
SELECT u.company_id, c.name, sum(u.api_call_count) AS calls, sum(u.login_count) AS logins
FROM usage_days AS u
LEFT JOIN companies AS c USING (company_id)
WHERE u.date BETWEEN %(first)s AND %(last)s
GROUP BY u.company_id, c.name
HAVING sum(u.api_call_count) > 0
ORDER BY calls DESC, id_number(u.company_id) NULLS LAST, id_text(u.company_id)
LIMIT %(limit)s;

-- name: approach_days
SELECT m.date AS day, sum(m.sent) AS sent, sum(m.opened) AS opened, sum(m.replied) AS replied
FROM approach_metrics AS m
WHERE m.date BETWEEN %(first)s AND %(last)s
GROUP BY m.date
ORDER BY m.date;

-- name: activity_days
SELECT a.date AS day, sum(a.logins) AS logins, sum(a.skill_sheet_edits) AS skill_sheet_edits,
       sum(a.approaches_received) AS approaches_received, sum(a.replies) AS replies
FROM engineer_activity AS a
WHERE a.date BETWEEN %(first)s AND %(last)s
GROUP BY a.date
ORDER BY a.date;

-- name: month_transitions
SELECT c.previous, c.status, count(*) AS engineers FROM status_changes AS c
WHERE c.day BETWEEN %(first)s AND %(last)s AND c.revision = 0 AND c.previous IS DISTINCT FROM c.status
GROUP BY c.previous, c.status
ORDER BY engineers DESC, c.previous NULLS FIRST, c.status NULLS LAST;

-- name: waiting_engineers
-- those who wait on a day as known, the longest first; what was before the first written day nobody knows
SELECT e.engineer_id, e.name, e.company_id, co.name AS company, c.day AS since,
       c.day = (SELECT min(d.day) FROM status_days AS d) AS or_before
FROM engineers AS e
CROSS JOIN LATERAL (
    SELECT s.status, s.day FROM status_changes AS s
    WHERE s.engineer_id = e.engineer_id AND s.day <= %(day)s AND s.revision = 0
    ORDER BY s.day DESC
    LIMIT 1
) AS c
LEFT JOIN companies AS co ON co.company_id = e.company_id
WHERE c.status = 'waiting'
ORDER BY c.day, id_number(e.engineer_id) NULLS LAST, id_text(e.engineer_id)
LIMIT %(limit)s;

-- name: active_engineers
-- by what they did in the month, edits and replies, then by what they got
WITH act AS (
    SELECT s.engineer_id, 1 AS edits, 0 AS received, 0 AS replies FROM skill_sheet_edits AS s
    WHERE s.at >= %(begin)s AND s.at < %(end)s
    UNION ALL
    SELECT a.engineer_id, 0, 1, 0 FROM approaches AS a WHERE a.sent_at >= %(begin)s AND a.sent_at < %(end)s
    UNION ALL
    SELECT a.engineer_id, 0, 0, 1 FROM approaches AS a WHERE a.replied_at >= %(begin)s AND a.replied_at < %(end)s
)
SELECT e.engineer_id, e.name, co.name AS company, sum(act.edits) AS edits, sum(act.received) AS received,
       sum(act.replies) AS replies
FROM act
JOIN engineers AS e USING (engineer_id)
LEFT JOIN companies AS co ON co.company_id = e.company_id
GROUP BY e.engineer_id, e.name, co.name
HAVING sum(act.edits + act.replies) > 0
ORDER BY sum(act.edits + act.replies) DESC, received DESC, id_number(e.engineer_id) NULLS LAST, id_text(e.engineer_id)
LIMIT %(limit)s;

-- name: revenue_months
-- yen without tax: issued invoices by billed month, credit notes by the month of their issue
SELECT r.month, sum(r.invoiced) AS invoiced, sum(r.credited) AS credited, sum(r.invoices) AS invoices,
       sum(r.credit_notes) AS credit_notes, sum(r.total) AS total
FROM (
    SELECT i.month, i.subtotal AS invoiced, 0 AS credited, 1 AS invoices, 0 AS credit_notes, i.total
    FROM invoices AS i
    WHERE i.kind = 'invoice' AND i.state = 'issued' AND i.month BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT date_trunc('month', i.issue_date)::date, 0, i.subtotal, 0, 1, i.total
    FROM invoices AS i
    WHERE i.kind = 'credit_note' AND i.state = 'issued'
      AND date_trunc('month', i.issue_date)::date BETWEEN %(first)s AND %(last)s
) AS r
GROUP BY r.month
ORDER BY r.month;

-- name: revenue_companies
-- as `revenue_months`, of a month and the one before it
SELECT r.company_id, c.name, sum(r.amount) FILTER (WHERE r.month = %(month)s) AS amount,
       sum(r.amount) FILTER (WHERE r.month = %(before)s) AS before
FROM (
    SELECT i.company_id, i.subtotal AS amount,
           CASE i.kind WHEN 'invoice' THEN i.month ELSE date_trunc('month', i.issue_date)::date END AS month
    FROM invoices AS i WHERE i.state = 'issued'
) AS r
LEFT JOIN companies AS c USING (company_id)
WHERE r.month IN (%(month)s, %(before)s)
GROUP BY r.company_id, c.name
ORDER BY amount DESC NULLS LAST, id_number(r.company_id) NULLS LAST, id_text(r.company_id);

-- name: revenue_plans
-- invoices of a month by the base price in force on its last day, or before the contract's end; NULL: none is kept
SELECT p.price, count(*) AS contracts, sum(i.subtotal) AS amount
FROM invoices AS i
LEFT JOIN LATERAL (
    SELECT (t.term ->> 'base_price')::numeric AS price
    FROM jsonb_array_elements(i.facts -> 'contract' -> 'terms') AS t (term)
    WHERE (t.term ->> 'from')::date <= %(last)s
    ORDER BY (t.term ->> 'from')::date DESC
    LIMIT 1
) AS p ON true
WHERE i.kind = 'invoice' AND i.state = 'issued' AND i.month = %(month)s
GROUP BY p.price
ORDER BY amount DESC, p.price DESC NULLS LAST;

-- name: revenue_credit_notes
SELECT i.number, i.issue_date, c.name, i.company_id, o.number AS of_invoice, i.subtotal, i.total
FROM invoices AS i
JOIN invoices AS o ON o.id = i.of_invoice
LEFT JOIN companies AS c ON c.company_id = i.company_id
WHERE i.kind = 'credit_note' AND i.state = 'issued' AND i.issue_date BETWEEN %(first)s AND %(last)s
ORDER BY i.issue_date, i.number_sequence, i.number;

-- name: outstanding
-- yen with tax of issued invoices that fall due on a day or later, less their credit notes, by the day they are due
SELECT i.due_date, count(*) AS invoices, sum(i.total + coalesce(c.total, 0)) AS total
FROM invoices AS i
LEFT JOIN LATERAL (
    SELECT sum(n.total) AS total FROM invoices AS n
    WHERE n.of_invoice = i.id AND n.state = 'issued' AND n.issue_date <= %(day)s
) AS c ON true
WHERE i.kind = 'invoice' AND i.state = 'issued' AND i.issue_date <= %(day)s AND i.due_date >= %(day)s
GROUP BY i.due_date
ORDER BY i.due_date;

-- name: contracts_not_invoiced
-- contracts of a month without an issued invoice, unless nothing is due
SELECT count(*)
FROM contracts AS k
WHERE k.starts_on <= %(last)s AND (k.ends_on IS NULL OR (k.ends_on >= %(first)s AND k.ends_on >= k.starts_on))
  AND NOT EXISTS (
    SELECT FROM invoices AS i
    WHERE i.contract_id = k.contract_id AND i.month = %(first)s AND i.kind = 'invoice'
      AND i.state IN ('issued', 'nothing_due')
  );

-- name: newest_reports
-- of a month, by kind and company, and whether any version was mailed
SELECT n.*, c.email
FROM (
    SELECT DISTINCT ON (r.kind, r.company_id) r.id, r.kind, r.company_id, r.version, r.state, r.reason, r.sha256,
           bool_or(r.mailed_to <> '{}') OVER (PARTITION BY r.kind, r.company_id) AS mailed
    FROM reports AS r
    WHERE r.month = %(month)s AND (%(kinds)s::text[] IS NULL OR r.kind = ANY(%(kinds)s))
      AND (%(companies)s::text[] IS NULL OR r.company_id IS NULL OR r.company_id = ANY(%(companies)s))
    ORDER BY r.kind, r.company_id, r.version DESC
) AS n
LEFT JOIN companies AS c USING (company_id)
ORDER BY n.kind, id_number(n.company_id) NULLS LAST, id_text(n.company_id);

-- name: add_reports
INSERT INTO reports (month, kind, company_id, version, state, reason, sha256, object_key, bytes, pages, mailed_to,
                     created_at)
SELECT %(month)s, g.kind, g.company_id, g.version, g.state, g.reason, g.sha256, g.object_key, g.bytes, g.pages,
       coalesce(g.mailed_to, '{}'), %(now)s
FROM jsonb_populate_recordset(NULL::reports, %(rows)s) AS g;

-- name: replace_report_files
-- the files of the version before end where those of this one begin
UPDATE files AS f SET deleted_at = %(now)s
FROM jsonb_populate_recordset(NULL::reports, %(rows)s) AS g
JOIN reports AS r ON r.month = %(month)s AND r.company_id = g.company_id AND r.version < g.version
WHERE f.id = 'report:' || r.id AND f.deleted_at IS NULL;

-- name: add_report_files
INSERT INTO files (id, company_id, name, bytes, object_key, sha256, created_at)
SELECT 'report:' || r.id, r.company_id, 'monthly_report_' || id_text(r.company_id) || '_' || to_char(%(month)s, 'YYYY-MM') || '.pdf',
       r.bytes, r.object_key, r.sha256, %(now)s
FROM jsonb_populate_recordset(NULL::reports, %(rows)s) AS g
JOIN reports AS r ON r.month = %(month)s AND r.company_id = g.company_id AND r.version = g.version
WHERE r.sha256 IS NOT NULL;

-- name: reports_page
SELECT r.id, r.month, r.kind, r.company_id, c.name AS company, c.email, r.version, r.state, r.reason, r.sha256,
       r.object_key, r.bytes, r.pages, r.mailed_to, r.created_at
FROM reports AS r
LEFT JOIN companies AS c ON c.company_id = r.company_id
WHERE (%(id)s::uuid IS NULL OR r.id = %(id)s)
  AND (%(month)s::date IS NULL OR r.month = %(month)s)
  AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
  AND (%(state)s::text IS NULL OR r.state = %(state)s)
  AND (%(company_ids)s::text[] IS NULL OR r.company_id = ANY(%(company_ids)s))
  AND (%(for_operators)s::boolean IS NULL OR (r.company_id IS NULL) = %(for_operators)s)
  AND (%(every_version)s OR NOT EXISTS (
        SELECT FROM reports AS n
        WHERE n.month = r.month AND n.kind = r.kind AND n.company_id IS NOT DISTINCT FROM r.company_id
          AND n.version > r.version))
  AND (%(after)s::uuid IS NULL OR r.id < %(after)s)
ORDER BY r.id DESC
LIMIT %(limit)s;

-- name: reported_months
SELECT DISTINCT r.month FROM reports AS r;

-- name: report_mailed
UPDATE reports AS r SET mailed_to = %(recipients)s WHERE r.id = %(id)s;
