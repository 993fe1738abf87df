-- Accounts that somebody has to look at.

-- name: stage_account_findings
-- `begin` is that of the day, `known_at` its 02:00, `patience` the days without a sign-in
CREATE TEMPORARY TABLE account_found ON COMMIT DROP AS
SELECT 'contract_ended' AS kind, c.company_id AS subject, c.company_id, max(k.ends_on) AS since
FROM companies AS c
JOIN contracts AS k USING (company_id)
WHERE c.closed_at IS NULL OR c.closed_at > %(begin)s
GROUP BY c.company_id
HAVING bool_and(k.ends_on IS NOT NULL AND k.ends_on < %(day)s)
UNION ALL
SELECT 'no_sign_in', u.user_id, u.company_id, s.since
FROM users AS u
LEFT JOIN companies AS c USING (company_id)
CROSS JOIN LATERAL (
    SELECT business_day(greatest(max(l.at), u.created_at)) AS since FROM logins AS l
    WHERE l.user_id = u.user_id AND l.at < %(known_at)s
) AS s
WHERE (u.created_at IS NULL OR u.created_at < %(begin)s) AND (u.deleted_at IS NULL OR u.deleted_at > %(begin)s)
  AND (c.closed_at IS NULL OR c.closed_at > %(begin)s)
  AND (s.since IS NULL OR s.since <= %(day)s - %(patience)s::integer);

-- name: clear_account_findings
DELETE FROM account_findings AS a
WHERE NOT EXISTS (SELECT FROM account_found AS f WHERE f.kind = a.kind AND f.subject = a.subject);

-- name: write_account_findings
INSERT INTO account_findings AS a (kind, subject, company_id, since, found_on)
SELECT f.kind, f.subject, f.company_id, f.since, %(day)s FROM account_found AS f
ON CONFLICT (kind, subject) DO UPDATE SET company_id = excluded.company_id, since = excluded.since
WHERE (a.company_id, a.since) IS DISTINCT FROM (excluded.company_id, excluded.since);

-- name: account_findings
SELECT a.kind, a.subject, a.company_id, c.name AS company, a.since, a.found_on
FROM account_findings AS a
LEFT JOIN companies AS c USING (company_id)
ORDER BY a.kind, a.since NULLS FIRST, id_number(a.subject) NULLS LAST, id_text(a.subject);
