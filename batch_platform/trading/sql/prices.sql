-- Prices of live campaigns: what is asked of the sources, what came of it, and who waits for it.

-- name: priced_tokens
-- tokens that have prices of their own, with the newest accepted one, and whether the last one has just been a jump
SELECT t.token_no, t.symbol, t.address, t.decimals, t.sources, t.perp_max_leverage, p.at, p.price_usd, p.observed_at,
       EXISTS (
           SELECT FROM refused_prices AS r
           WHERE r.token_no = t.token_no AND r.reason = 'jump' AND r.at > %(jumps_after)s) AS has_jumped
FROM tokens AS t
LEFT JOIN LATERAL (
    SELECT p.at, p.price_usd, p.observed_at FROM price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1
) AS p ON true
WHERE t.campaign_no = %(campaign_no)s AND t.type <> 'lending'
  AND NOT EXISTS (SELECT FROM lst_pools AS l WHERE l.lst_token_no = t.token_no)
  AND (%(symbols)s::text[] IS NULL OR t.symbol = ANY (%(symbols)s))
ORDER BY t.token_no;

-- name: newest_observed
SELECT t.token_no, p.observed_at
FROM tokens AS t
CROSS JOIN LATERAL (
    SELECT p.observed_at FROM price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1
) AS p
WHERE t.campaign_no = %(campaign_no)s;

-- name: add_fetches
-- refusals belong to the answers of their source
WITH fetched AS (
    INSERT INTO price_fetches (campaign_no, at, source, kind, accepted, failed, tick_at)
    SELECT %(campaign_no)s, %(at)s, f.source, %(kind)s, f.accepted, f.failed, %(tick_at)s::timestamptz
    FROM jsonb_to_recordset(%(fetches)s) AS f (source text, accepted integer, failed text)
    RETURNING fetch_no, source, failed
)
INSERT INTO refused_prices (fetch_no, token_no, at, source, reason, price_usd)
SELECT f.fetch_no, r.token_no, r.at, r.source, r.reason, r.price_usd
FROM jsonb_to_recordset(%(refusals)s) AS r (
    token_no integer, at timestamptz, source text, reason text, price_usd numeric)
LEFT JOIN fetched AS f ON f.source = r.source AND f.failed IS NULL;

-- name: fetched_of_tick
SELECT coalesce(sum(f.accepted), 0)::integer AS accepted, min(f.source || ' ' || f.failed) AS failed, (
    SELECT coalesce(jsonb_object_agg(r.reason, r.count), '{}') FROM (
        SELECT r.reason, count(*) AS count FROM refused_prices AS r
        JOIN price_fetches AS q USING (fetch_no)
        WHERE q.campaign_no = %(campaign_no)s AND q.tick_at = %(at)s
        GROUP BY r.reason) AS r) AS refused
FROM price_fetches AS f
WHERE f.campaign_no = %(campaign_no)s AND f.tick_at = %(at)s;

-- name: newest_jump
SELECT r.refusal_no, r.at, r.source, r.price_usd FROM refused_prices AS r
WHERE r.token_no = %(token_no)s AND r.reason = 'jump'
ORDER BY r.at DESC, r.refusal_no DESC LIMIT 1;

-- name: take_flight
-- of those who come at once, and while it lasts, one
INSERT INTO price_flights AS f (campaign_no, number, ends_at)
VALUES (%(campaign_no)s, 1, %(ends_at)s)
ON CONFLICT (campaign_no) DO UPDATE SET number = f.number + 1, ends_at = excluded.ends_at
WHERE f.ends_at <= %(now)s
RETURNING number;

-- name: end_flight
UPDATE price_flights SET ends_at = %(now)s WHERE campaign_no = %(campaign_no)s AND number = %(number)s;

-- name: wishes
-- what orders wait for comes before what is only looked at
SELECT t.token_no, t.symbol, EXISTS (
    SELECT FROM orders AS o
    WHERE o.campaign_no = t.campaign_no AND o.status = 'pending' AND t.token_no IN (o.token_no, o.to_token_no)) AS is_awaited
FROM price_wishes AS w
JOIN tokens AS t USING (token_no)
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no;

-- name: drop_wishes
-- that nobody waits for any more
DELETE FROM price_wishes AS w USING tokens AS t
WHERE t.token_no = w.token_no AND t.campaign_no = %(campaign_no)s AND w.wished_at < %(before)s
  AND NOT EXISTS (
      SELECT FROM orders AS o
      WHERE o.campaign_no = t.campaign_no AND o.status = 'pending' AND t.token_no IN (o.token_no, o.to_token_no));

-- name: put_off_wishes
-- tried again after 1, 2, 4, … seconds, a minute at most; what was wished meanwhile is due
UPDATE price_wishes AS w
SET tries = w.tries + 1, due_at = %(now)s::timestamptz + least(2 ^ least(w.tries, 6), 60) * interval '1 second'
FROM tokens AS t
WHERE t.token_no = w.token_no AND t.campaign_no = %(campaign_no)s AND w.due_at <= %(begun_at)s;

-- name: campaigns_at_work
-- live campaigns in which something is due: prices that are wished, orders whose time has passed, the end
SELECT c.name, w.is_wished, o.is_overdue, o.has_ended
FROM campaigns AS c
CROSS JOIN LATERAL (
    SELECT coalesce(c.ends_at > %(now)s, true) AND EXISTS (
        SELECT FROM price_wishes AS w JOIN tokens AS t USING (token_no)
        WHERE t.campaign_no = c.campaign_no AND w.due_at <= %(now)s) AS is_wished
) AS w
CROSS JOIN LATERAL (
    SELECT count(*) > 0 AND c.ends_at <= %(now)s AS has_ended, min(o.accepted_at) < %(overdue)s AS is_overdue
    FROM orders AS o WHERE o.campaign_no = c.campaign_no AND o.status = 'pending'
) AS o
WHERE c.kind = 'live' AND (w.is_wished OR o.is_overdue OR o.has_ended)
ORDER BY c.campaign_no;

-- name: held_tokens
-- whose prices a portfolio needs, with what decides which is fetched first: how many who look hold it, its last prices
WITH looking AS (
    SELECT u.user_no FROM users AS u
    WHERE u.campaign_no = %(campaign_no)s AND u.last_seen_at > %(now)s::timestamptz - interval '5 minutes'
), holding AS (
    SELECT b.user_no, b.token_no FROM user_balances AS b JOIN looking USING (user_no)
    WHERE b.balance > 0 OR b.reserved > 0 OR b.staked > 0
    UNION SELECT p.user_no, p.token_no FROM perp_positions AS p JOIN looking USING (user_no) WHERE p.status = 'open'
), held AS (
    SELECT coalesce(l.base_token_no, h.token_no) AS token_no, count(DISTINCT h.user_no)::integer AS holders,
           coalesce(bool_or(h.user_no = %(user_no)s::integer), false) AS is_own
    FROM holding AS h LEFT JOIN lst_pools AS l ON l.lst_token_no = h.token_no
    GROUP BY 1
)
SELECT h.token_no, t.symbol, h.holders, h.is_own, p.prices, p.at, p.price_usd, p.observed_at, p.source
FROM held AS h
JOIN tokens AS t USING (token_no)
LEFT JOIN LATERAL (
    SELECT array_agg(p.price_usd) AS prices, max(p.at) AS at, (array_agg(p.price_usd ORDER BY p.at DESC))[1] AS price_usd,
           (array_agg(p.observed_at ORDER BY p.at DESC))[1] AS observed_at,
           (array_agg(p.source ORDER BY p.at DESC))[1] AS source
    FROM (SELECT * FROM price_ticks AS p WHERE p.token_no = h.token_no ORDER BY p.at DESC LIMIT 6) AS p
) AS p ON true
ORDER BY h.token_no;

-- name: tokens_with_rate
SELECT r.token_no FROM funding_rates AS r JOIN tokens AS t USING (token_no)
WHERE t.campaign_no = %(campaign_no)s AND r.source = %(source)s AND r.timestamp >= %(begin)s AND r.timestamp < %(end)s;
