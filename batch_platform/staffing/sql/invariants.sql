-- What must hold of what the daily jobs have written.

-- name: wrong_companies
SELECT company_id, CASE WHEN u.company_id IS NULL THEN 'has no row' ELSE 'has a row and did not exist' END AS fault
FROM companies_on(%(day)s) AS c
FULL JOIN (SELECT u.company_id FROM usage_days AS u WHERE u.date = %(day)s AND u.aggregated_at IS NOT NULL) AS u
    USING (company_id)
WHERE c.company_id IS NULL OR u.company_id IS NULL
ORDER BY company_id;

-- name: wrong_sums
WITH written AS (
    SELECT u.* FROM usage_days AS u WHERE u.date = %(day)s AND u.aggregated_at IS NOT NULL
), sums AS (
    SELECT coalesce(sum(w.login_count), 0) AS logins, coalesce(sum(w.api_call_count), 0) AS calls,
           coalesce(sum(w.approach_count), 0) AS approaches, coalesce(sum(w.email_sent_count), 0) AS mails
    FROM written AS w
), compared (name, found, expected) AS (
    SELECT 'login_count', s.logins, (SELECT count(*) FROM logins AS l JOIN written USING (company_id)
                                     WHERE l.at >= %(begin)s AND l.at < %(end)s) FROM sums AS s
    UNION ALL
    SELECT 'api_call_count', s.calls, (SELECT count(*) FROM api_requests AS r JOIN written USING (company_id)
                                       WHERE r.at >= %(begin)s AND r.at < %(end)s) FROM sums AS s
    UNION ALL
    SELECT 'approach_count', s.approaches, (SELECT count(*) FROM approaches AS a JOIN written USING (company_id)
                                            WHERE a.sent_at >= %(begin)s AND a.sent_at < %(end)s) FROM sums AS s
    UNION ALL
    SELECT 'email_sent_count', s.mails, (SELECT count(*) FROM mails AS m JOIN written USING (company_id)
                                         WHERE m.accepted_at >= %(begin)s AND m.accepted_at < %(end)s) FROM sums AS s
    UNION ALL
    SELECT 'feature_usage of ' || id_text(w.company_id),
           (SELECT coalesce(sum(f.calls::integer), 0) FROM jsonb_each_text(w.feature_usage) AS f (name, calls)),
           w.api_call_count
    FROM written AS w
)
SELECT c.name, c.found, c.expected FROM compared AS c WHERE c.found <> c.expected ORDER BY c.name;
