-- What a day came to: of companies, and of the whole system. Rows that would stay as they are are not written.

-- name: usage
-- as it was written, and by the facts where it was not
WITH written AS (
    SELECT u.company_id, u.total_users, u.total_engineers, u.active_users, u.active_engineers, u.approach_count,
           u.email_sent_count, u.login_count, u.storage_usage_mb, u.api_call_count, u.feature_usage
    FROM usage_days AS u
    WHERE u.date = %(day)s AND u.aggregated_at IS NOT NULL
)
SELECT u.*
FROM (
    SELECT w.* FROM written AS w
    UNION ALL
    SELECT f.* FROM usage_on(%(day)s) AS f
    WHERE NOT EXISTS (SELECT FROM written AS w WHERE w.company_id = f.company_id)
) AS u
ORDER BY id_number(u.company_id) NULLS LAST, id_text(u.company_id);

-- name: usage_page
-- as `usage`, with the companies' names and as much as is asked for
WITH written AS (
    SELECT u.company_id, u.total_users, u.total_engineers, u.active_users, u.active_engineers, u.approach_count,
           u.email_sent_count, u.login_count, u.storage_usage_mb, u.api_call_count, u.feature_usage
    FROM usage_days AS u
    WHERE u.date = %(day)s AND u.aggregated_at IS NOT NULL
)
SELECT u.*, c.name AS company
FROM (
    SELECT w.* FROM written AS w
    UNION ALL
    SELECT f.* FROM usage_on(%(day)s) AS f
    WHERE NOT EXISTS (SELECT FROM written AS w WHERE w.company_id = f.company_id)
) AS u
LEFT JOIN companies AS c USING (company_id)
WHERE (%(company_ids)s::text[] IS NULL OR u.company_id = ANY (%(company_ids)s))
  AND (%(search)s::text IS NULL OR id_text(u.company_id) = %(search)s
       OR position(lower(%(search)s) IN lower(c.name)) > 0)
  AND (%(after)s::text IS NULL
       OR (coalesce(id_number(u.company_id), 'Infinity'), id_text(u.company_id))
          > (coalesce(id_number(%(after)s), 'Infinity'), id_text(%(after)s)))
ORDER BY coalesce(id_number(u.company_id), 'Infinity'), id_text(u.company_id)
LIMIT %(limit)s;

-- name: usage_of_company
-- written days in (after, until], aggregated or loaded
SELECT u.date, u.source, u.total_users, u.total_engineers, u.active_users, u.active_engineers, u.approach_count,
       u.email_sent_count, u.login_count, u.storage_usage_mb, u.api_call_count, u.feature_usage
FROM usage_days AS u
WHERE u.company_id = %(company_id)s AND u.date > %(after)s AND u.date <= %(until)s
ORDER BY u.date;

-- name: company
SELECT c.company_id, c.name FROM companies AS c WHERE c.company_id = %(company_id)s;

-- name: clear_usage
DELETE FROM usage_days AS u
WHERE u.date = %(day)s AND u.source = 'aggregated'
  AND NOT EXISTS (SELECT FROM companies_on(%(day)s) AS c WHERE c.company_id = u.company_id);

-- name: write_usage
-- totals of a loaded row are those that it has: `usage_on` says them
INSERT INTO usage_days AS u (company_id, date, source, total_users, total_engineers, active_users, active_engineers,
                             approach_count, email_sent_count, login_count, storage_usage_mb, api_call_count,
                             feature_usage, aggregated_at)
SELECT f.company_id, %(day)s, 'aggregated', f.total_users, f.total_engineers, f.active_users, f.active_engineers,
       f.approach_count, f.email_sent_count, f.login_count, f.storage_usage_mb, f.api_call_count, f.feature_usage, %(at)s
FROM usage_on(%(day)s) AS f
ON CONFLICT (company_id, date) DO UPDATE
SET total_users = excluded.total_users, total_engineers = excluded.total_engineers,
    active_users = excluded.active_users, active_engineers = excluded.active_engineers,
    approach_count = excluded.approach_count, email_sent_count = excluded.email_sent_count,
    login_count = excluded.login_count, storage_usage_mb = excluded.storage_usage_mb,
    api_call_count = excluded.api_call_count, feature_usage = excluded.feature_usage, aggregated_at = excluded.aggregated_at
WHERE (u.total_users, u.total_engineers, u.active_users, u.active_engineers, u.approach_count, u.email_sent_count,
       u.login_count, u.storage_usage_mb, u.api_call_count, u.feature_usage)
      IS DISTINCT FROM
      (excluded.total_users, excluded.total_engineers, excluded.active_users, excluded.active_engineers,
       excluded.approach_count, excluded.email_sent_count, excluded.login_count, excluded.storage_usage_mb,
       excluded.api_call_count, excluded.feature_usage);

-- name: write_system
WITH request AS (
    SELECT r.user_id, r.status, r.duration_ms FROM api_requests AS r WHERE r.at >= %(begin)s AND r.at < %(end)s
), active AS (
    SELECT l.user_id FROM logins AS l WHERE l.at >= %(begin)s AND l.at < %(end)s
    UNION SELECT r.user_id FROM request AS r WHERE r.user_id IS NOT NULL
), answered AS (
    -- percentile_disc is the nearest rank
    SELECT count(*) AS total, count(*) FILTER (WHERE r.status BETWEEN 500 AND 599) AS failed,
           half_up_quotient(sum(r.duration_ms), nullif(count(r.duration_ms), 0), 2) AS average,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY r.duration_ms) AS p50,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY r.duration_ms) AS p95,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY r.duration_ms) AS p99
    FROM request AS r
)
INSERT INTO system_stats AS s (date, total_users, active_users, total_engineers, total_companies, total_approaches, requests,
                               system_uptime, response_time_avg, response_time_p50, response_time_p95, response_time_p99,
                               error_rate, aggregated_at)
SELECT %(day)s,
       (SELECT count(*) FROM users AS u
        WHERE (u.created_at IS NULL OR u.created_at < %(end)s) AND (u.deleted_at IS NULL OR u.deleted_at >= %(end)s)),
       (SELECT count(*) FROM active),
       (SELECT count(*) FROM engineers AS e
        WHERE (e.created_at IS NULL OR e.created_at < %(end)s) AND (e.deleted_at IS NULL OR e.deleted_at >= %(end)s)),
       (SELECT count(*) FROM companies AS c
        WHERE (c.created_at IS NULL OR c.created_at < %(end)s) AND (c.closed_at IS NULL OR c.closed_at >= %(end)s)),
       (SELECT count(*) FROM approaches AS a WHERE a.sent_at >= %(begin)s AND a.sent_at < %(end)s), r.total,
       half_up_quotient((SELECT count(*) FROM heartbeats AS h WHERE h.minute >= %(begin)s AND h.minute < %(end)s), 1440, 4),
       r.average, r.p50, r.p95, r.p99, half_up_quotient(r.failed, nullif(r.total, 0), 4),
       %(at)s
FROM answered AS r
ON CONFLICT (date) DO UPDATE
SET total_users = excluded.total_users, active_users = excluded.active_users, total_engineers = excluded.total_engineers,
    total_companies = excluded.total_companies, total_approaches = excluded.total_approaches,
    requests = excluded.requests, system_uptime = excluded.system_uptime,
    response_time_avg = excluded.response_time_avg, response_time_p50 = excluded.response_time_p50,
    response_time_p95 = excluded.response_time_p95, response_time_p99 = excluded.response_time_p99,
    error_rate = excluded.error_rate, aggregated_at = excluded.aggregated_at
WHERE (s.total_users, s.active_users, s.total_engineers, s.total_companies, s.total_approaches, s.requests,
       s.system_uptime, s.response_time_avg, s.response_time_p50, s.response_time_p95, s.response_time_p99, s.error_rate)
      IS DISTINCT FROM
      (excluded.total_users, excluded.active_users, excluded.total_engineers, excluded.total_companies,
       excluded.total_approaches, excluded.requests, excluded.system_uptime, excluded.response_time_avg,
       excluded.response_time_p50, excluded.response_time_p95, excluded.response_time_p99, excluded.error_rate);

-- name: clear_activity
DELETE FROM engineer_activity AS a
WHERE a.date = %(day)s AND NOT EXISTS (SELECT FROM companies_on(%(day)s) AS c WHERE c.company_id = a.company_id);

-- name: write_activity
-- approaches and replies are those of the company's own engineers
WITH login AS (
    SELECT l.company_id, count(*) AS total FROM logins AS l WHERE l.at >= %(begin)s AND l.at < %(end)s GROUP BY l.company_id
), edit AS (
    SELECT s.company_id, count(*) AS total FROM skill_sheet_edits AS s
    WHERE s.at >= %(begin)s AND s.at < %(end)s
    GROUP BY s.company_id
), approach AS (
    SELECT e.company_id, count(*) FILTER (WHERE a.sent_at >= %(begin)s AND a.sent_at < %(end)s) AS received,
           count(*) FILTER (WHERE a.replied_at >= %(begin)s AND a.replied_at < %(end)s) AS replies
    FROM approaches AS a
    JOIN engineers AS e ON e.engineer_id = a.engineer_id
    WHERE (a.sent_at >= %(begin)s AND a.sent_at < %(end)s) OR (a.replied_at >= %(begin)s AND a.replied_at < %(end)s)
    GROUP BY e.company_id
)
INSERT INTO engineer_activity AS t (company_id, date, logins, skill_sheet_edits, approaches_received, replies, aggregated_at)
SELECT company_id, %(day)s, coalesce(login.total, 0), coalesce(edit.total, 0), coalesce(approach.received, 0),
       coalesce(approach.replies, 0), %(at)s
FROM companies_on(%(day)s) AS company
LEFT JOIN login USING (company_id)
LEFT JOIN edit USING (company_id)
LEFT JOIN approach USING (company_id)
ON CONFLICT (company_id, date) DO UPDATE
SET logins = excluded.logins, skill_sheet_edits = excluded.skill_sheet_edits,
    approaches_received = excluded.approaches_received, replies = excluded.replies, aggregated_at = excluded.aggregated_at
WHERE (t.logins, t.skill_sheet_edits, t.approaches_received, t.replies) IS DISTINCT FROM
      (excluded.logins, excluded.skill_sheet_edits, excluded.approaches_received, excluded.replies);

-- name: clear_approaches
DELETE FROM approach_metrics AS m
WHERE m.date = %(day)s AND NOT EXISTS (SELECT FROM companies_on(%(day)s) AS c WHERE c.company_id = m.company_id);

-- name: write_approaches
WITH happened AS (
    SELECT a.company_id, count(*) FILTER (WHERE a.sent_at >= %(begin)s AND a.sent_at < %(end)s) AS sent,
           count(*) FILTER (WHERE a.opened_at >= %(begin)s AND a.opened_at < %(end)s) AS opened,
           count(*) FILTER (WHERE a.replied_at >= %(begin)s AND a.replied_at < %(end)s) AS replied
    FROM approaches AS a
    WHERE (a.sent_at >= %(begin)s AND a.sent_at < %(end)s) OR (a.opened_at >= %(begin)s AND a.opened_at < %(end)s)
       OR (a.replied_at >= %(begin)s AND a.replied_at < %(end)s)
    GROUP BY a.company_id
)
INSERT INTO approach_metrics AS t (company_id, date, sent, opened, replied, reply_rate, aggregated_at)
SELECT company_id, %(day)s, coalesce(h.sent, 0), coalesce(h.opened, 0), coalesce(h.replied, 0),
       half_up_quotient(h.replied, nullif(h.sent, 0), 4), %(at)s
FROM companies_on(%(day)s) AS company
LEFT JOIN happened AS h USING (company_id)
ON CONFLICT (company_id, date) DO UPDATE
SET sent = excluded.sent, opened = excluded.opened, replied = excluded.replied, reply_rate = excluded.reply_rate,
    aggregated_at = excluded.aggregated_at
WHERE (t.sent, t.opened, t.replied, t.reply_rate) IS DISTINCT FROM
      (excluded.sent, excluded.opened, excluded.replied, excluded.reply_rate);

-- name: missing_usage_days
-- of those from the first that is aggregated to the last; before there is any the last alone
SELECT s.day::date AS day
FROM generate_series(coalesce((SELECT min(s.date) FROM system_stats AS s), %(last)s::date)::timestamp, %(last)s::date::timestamp,
                     interval '1 day') AS s (day)
WHERE NOT EXISTS (SELECT FROM system_stats AS t WHERE t.date = s.day::date)
ORDER BY s.day;

-- name: system_stats
SELECT s.date, s.total_users, s.active_users, s.total_engineers, s.total_companies, s.total_approaches, s.requests,
       s.system_uptime, s.response_time_avg, s.response_time_p50, s.response_time_p95, s.response_time_p99, s.error_rate
FROM system_stats AS s WHERE s.date > %(after)s AND s.date <= %(until)s ORDER BY s.date;

-- name: engineer_activity
SELECT a.company_id, a.logins, a.skill_sheet_edits, a.approaches_received, a.replies FROM engineer_activity AS a
WHERE a.date = %(day)s
ORDER BY id_number(a.company_id) NULLS LAST, id_text(a.company_id);

-- name: approach_metrics
SELECT m.company_id, m.sent, m.opened, m.replied, m.reply_rate FROM approach_metrics AS m
WHERE m.date = %(day)s
ORDER BY id_number(m.company_id) NULLS LAST, id_text(m.company_id);

-- name: beat
INSERT INTO heartbeats (minute) VALUES (date_trunc('minute', %(at)s::timestamptz, 'UTC')) ON CONFLICT DO NOTHING;
