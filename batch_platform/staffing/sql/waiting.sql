-- What waits for people. Rows as operations/waiting_lists.py has them; read outside of the schema's search path.

-- name: waiting_drafts
-- The drafts of each month as `drafts_seen` counts them. Who has agreed to them as they are cannot be the second; a run
-- that proposes them is no person.
WITH drafts AS (
    SELECT month, count(*)::integer AS invoices, sum(total)::bigint AS total, min(created_at) AS since,
           encode(sha256(convert_to(string_agg(id || ' ' || revision, ',' ORDER BY id), 'UTF8')), 'hex') AS digest
      FROM staffing.invoices
     WHERE kind = 'invoice' AND state = 'draft' AND approved_by IS NULL
     GROUP BY month
     ORDER BY month
     LIMIT %(limit)s
)
SELECT to_char(d.month, 'YYYY-MM') AS subject, NULL::text AS job, d.since, NULL::timestamptz AS until,
       agreed.people AS not_by,
       jsonb_build_object('month', to_char(d.month, 'YYYY-MM'), 'invoices', d.invoices, 'total', d.total) AS facts
  FROM drafts d
 CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT a.by
          FROM staffing.invoice_approvals a
         WHERE a.deed = 'issue' AND a.target = to_char(d.month, 'YYYY-MM') AND a.used_at IS NULL AND a.by <> 'system'
           AND a.seen = jsonb_build_object('count', d.invoices, 'total', d.total, 'digest', d.digest)
         ORDER BY a.id) AS people
  ) AS agreed
 ORDER BY d.since;

-- name: waiting_void
-- What was proposed of a document that has changed since is proposed no more.
SELECT a.id::text AS subject, NULL::text AS job, a.at AS since, NULL::timestamptz AS until, ARRAY[a.by] AS not_by,
       jsonb_build_object('invoice', i.id, 'number', i.number, 'by', a.by, 'reason', coalesce(a.reason, '–')) AS facts
  FROM staffing.invoice_approvals a
  JOIN staffing.invoices i ON i.id = CASE WHEN a.deed <> 'issue' THEN a.target::uuid END AND i.state = 'issued'
 WHERE a.deed = %(deed)s AND a.used_at IS NULL AND (a.seen ->> 'revision')::integer = i.revision
 ORDER BY a.at
 LIMIT %(limit)s;

-- name: waiting_credit
SELECT a.id::text AS subject, NULL::text AS job, a.at AS since, NULL::timestamptz AS until, ARRAY[a.by] AS not_by,
       jsonb_build_object('invoice', i.id, 'number', i.number, 'by', a.by,
                          'reason', coalesce(a.reason, nullif(a.seen ->> 'remarks', ''), '–')) AS facts
  FROM staffing.invoice_approvals a
  JOIN staffing.invoices i ON i.id = CASE WHEN a.deed <> 'issue' THEN a.target::uuid END AND i.state = 'issued'
 WHERE a.deed = %(deed)s AND a.used_at IS NULL AND (a.seen ->> 'revision')::integer = i.revision
 ORDER BY a.at
 LIMIT %(limit)s;
