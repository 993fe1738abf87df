-- What pages show beside portfolios and boards: where a player stands, a token's prices and what happened on it.

-- name: standing
-- as on the board: shared by those equal in both profits
SELECT 1 + (
           SELECT count(*) FROM portfolio_snapshots AS o
           JOIN users AS other ON other.user_no = o.user_no AND other.status = 'active'
           WHERE o.campaign_no = s.campaign_no AND o.timestamp = s.timestamp
             AND (o.pnl_percentage, o.pnl_from_start) > (s.pnl_percentage, s.pnl_from_start)) AS rank,
       s.pnl_percentage, s.pnl_from_start AS pnl_usd, s.total_value_usd
FROM portfolio_snapshots AS s
JOIN users AS u ON u.user_no = s.user_no AND u.status = 'active'
WHERE s.user_no = %(user_no)s AND s.timestamp = %(at)s AND s.pnl_percentage IS NOT NULL;

-- name: token_of_symbol
SELECT t.token_no, t.symbol FROM tokens AS t WHERE t.campaign_no = %(campaign_no)s AND t.symbol = %(symbol)s;

-- name: price_points
-- the newest of each bucket
SELECT DISTINCT ON (date_bin(%(bucket)s, p.at, %(since)s)) p.at, p.price_usd
FROM price_ticks AS p
WHERE p.token_no = %(token_no)s AND p.at > %(since)s AND p.at <= %(until)s
ORDER BY date_bin(%(bucket)s, p.at, %(since)s), p.at DESC;

-- name: marks
-- fills of a player's orders on the token, and liquidations of his positions on it
SELECT o.settled_at AS at, CASE o.kind WHEN 'swap' THEN CASE WHEN o.token_no = %(token_no)s THEN 'sold' ELSE 'bought' END
                                       ELSE o.kind END AS kind
FROM orders AS o
LEFT JOIN perp_positions AS x ON o.kind = 'perp_close' AND x.order_no = o.target_no
WHERE o.user_no = %(user_no)s AND o.status = 'filled' AND o.settled_at > %(since)s AND o.settled_at <= %(until)s
  AND (o.kind = 'swap' AND %(token_no)s IN (o.token_no, o.to_token_no)
       OR o.kind = 'perp_open' AND o.to_token_no = %(token_no)s
       OR x.token_no = %(token_no)s)
UNION ALL
SELECT x.closed_at, 'liquidated' FROM perp_positions AS x
WHERE x.user_no = %(user_no)s AND x.token_no = %(token_no)s AND x.status = 'liquidated'
  AND x.closed_at > %(since)s AND x.closed_at <= %(until)s
ORDER BY 1;

-- name: newest_funding_rate
SELECT r.rate, r.timestamp AS since, r.source FROM funding_rates AS r
WHERE r.token_no = %(token_no)s AND r.timestamp <= %(at)s ORDER BY r.timestamp DESC LIMIT 1;

-- name: newest_fetches
-- of each source and what it was asked for: the newest question, and when it last gave a price
SELECT DISTINCT ON (f.source, f.kind) f.source, f.kind, f.at, f.accepted, f.failed,
       (SELECT max(g.at) FROM price_fetches AS g
        WHERE g.campaign_no = f.campaign_no AND g.source = f.source AND g.kind = f.kind AND g.accepted > 0) AS answered_at
FROM price_fetches AS f
WHERE f.campaign_no = %(campaign_no)s AND f.at > %(since)s
ORDER BY f.source, f.kind, f.at DESC, f.fetch_no DESC;

-- name: newest_refusals
SELECT r.at, t.symbol, r.source, r.reason, r.price_usd
FROM refused_prices AS r
JOIN tokens AS t ON t.token_no = r.token_no AND t.campaign_no = %(campaign_no)s
WHERE r.at > %(since)s
ORDER BY r.at DESC, r.refusal_no DESC
LIMIT %(limit)s;

-- name: player_list
SELECT u.id, u.username, u.wallet_address, u.email, u.status, u.created_at, u.last_seen_at, u.baseline_usd
FROM users AS u
WHERE u.campaign_no = %(campaign_no)s
  AND (%(words)s = '' OR u.username ILIKE %(pattern)s OR u.wallet_address ILIKE %(pattern)s)
ORDER BY u.created_at, u.user_no
LIMIT %(limit)s OFFSET %(offset)s;
