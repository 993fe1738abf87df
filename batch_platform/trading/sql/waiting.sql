-- Deadlines of live campaigns. Rows as operations/waiting_lists.py has them.

-- name: waiting_begin
SELECT c.name AS subject, NULL::text AS job, c.created_at AS since, c.starts_at AS until, '{}'::text[] AS not_by,
       jsonb_build_object('campaign', c.name, 'players', (
           SELECT count(*) FROM trading.users AS u WHERE u.campaign_no = c.campaign_no)) AS facts
FROM trading.campaigns AS c
WHERE c.kind = 'live' AND c.starts_at > %(now)s AND (c.ends_at IS NULL OR c.ends_at > %(now)s)
ORDER BY c.starts_at
LIMIT %(limit)s

-- name: waiting_end
SELECT c.name AS subject, NULL::text AS job, coalesce(c.starts_at, c.created_at) AS since, c.ends_at AS until,
       '{}'::text[] AS not_by,
       jsonb_build_object('campaign', c.name, 'players', (
           SELECT count(*) FROM trading.users AS u WHERE u.campaign_no = c.campaign_no), 'orders', (
           SELECT count(*) FROM trading.orders AS o WHERE o.campaign_no = c.campaign_no AND o.status = 'pending')) AS facts
FROM trading.campaigns AS c
WHERE c.kind = 'live' AND c.ends_at > %(now)s AND (c.starts_at IS NULL OR c.starts_at <= %(now)s)
ORDER BY c.ends_at
LIMIT %(limit)s
