-- Players of live campaigns.

-- name: player
SELECT u.user_no, u.id, u.username, u.email, u.wallet_address, u.total_asset_usd, u.crypto_investment_usd, u.trade_style,
       u.mails, u.status, u.baseline_at, u.baseline_usd, u.acted_at, u.last_seen_at, u.created_at, u.updated_at
FROM users AS u
WHERE u.campaign_no = %(campaign_no)s AND u.wallet_address = %(wallet)s;

-- name: lock_player
SELECT u.user_no, u.id, u.username, u.wallet_address, u.status, u.acted_at
FROM users AS u
WHERE u.campaign_no = %(campaign_no)s AND u.wallet_address = %(wallet)s
FOR NO KEY UPDATE;

-- name: order_of_key
SELECT o.order_no, o.id, o.user_no, o.kind, o.request, o.status, o.reason, o.accepted_at, o.settled_at, o.result, o.fee,
       p.payout - p.collateral AS pnl
FROM orders AS o
LEFT JOIN perp_positions AS p ON o.kind = 'perp_close' AND o.status = 'filled' AND p.order_no = o.target_no
WHERE o.user_no = %(user_no)s AND o.request_key = %(request_key)s;

-- name: flow_of_key
SELECT f.flow_no, f.at, f.flow, f.amounts, f.reason
FROM flows AS f
WHERE f.user_no = %(user_no)s AND f.request_key = %(request_key)s;

-- name: grants
SELECT t.symbol AS token, g.amount
FROM campaign_grants AS g
JOIN tokens AS t ON t.token_no = g.token_no
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no;

-- name: set_grants
WITH gone AS (
    DELETE FROM campaign_grants AS g USING tokens AS t
    WHERE t.token_no = g.token_no AND t.campaign_no = %(campaign_no)s
      AND g.token_no NOT IN (SELECT n.token_no FROM jsonb_to_recordset(%(grants)s) AS n (token_no integer))
)
INSERT INTO campaign_grants (token_no, amount)
SELECT n.token_no, n.amount FROM jsonb_to_recordset(%(grants)s) AS n (token_no integer, amount numeric)
ON CONFLICT (token_no) DO UPDATE SET amount = excluded.amount;

-- name: without_grant
SELECT u.user_no, u.acted_at
FROM users AS u
WHERE u.campaign_no = %(campaign_no)s
  AND NOT EXISTS (SELECT FROM flows AS f WHERE f.user_no = u.user_no AND f.is_baseline)
ORDER BY u.user_no
FOR NO KEY UPDATE;

-- name: see_player
UPDATE users SET last_seen_at = %(now)s WHERE user_no = %(user_no)s;

-- name: set_status
UPDATE users SET status = %(status)s, updated_at = %(now)s
WHERE campaign_no = %(campaign_no)s AND wallet_address = %(wallet)s AND status <> %(status)s;

-- name: active_players
SELECT count(*) FROM users AS u
WHERE u.campaign_no = %(campaign_no)s AND u.last_seen_at > %(now)s::timestamptz - interval '5 minutes';

-- name: wish_prices
-- what somebody waits for; told to the worker at once
WITH wished AS (
    INSERT INTO price_wishes (token_no, wished_at, due_at)
    SELECT token_no, %(now)s, %(now)s FROM unnest(%(token_nos)s::integer[]) AS token_no ORDER BY token_no
    ON CONFLICT (token_no) DO UPDATE SET wished_at = greatest(price_wishes.wished_at, excluded.wished_at),
        due_at = excluded.due_at
    RETURNING token_no
)
SELECT pg_notify('trading_wishes', %(campaign_no)s::text) FROM wished LIMIT 1;

-- name: grant_wishes
-- but for a token that an order still waits for, with another one that this tick does not hold
DELETE FROM price_wishes AS w USING tokens AS t
WHERE t.token_no = w.token_no AND w.token_no = ANY (%(token_nos)s) AND w.wished_at < %(at)s AND NOT EXISTS (
    SELECT FROM orders AS o
    WHERE o.campaign_no = t.campaign_no AND o.status = 'pending' AND t.token_no IN (o.token_no, o.to_token_no));

-- name: tick_of_window
SELECT t.at, t.liquidated, t.filled FROM ticks AS t
WHERE t.campaign_no = %(campaign_no)s AND t.window_at = %(window_at)s;

-- name: notional_usd
-- what an amount of a token is worth at its newest price; null without one
SELECT (SELECT p.price_usd FROM price_ticks AS p WHERE p.token_no = %(token_no)s ORDER BY p.at DESC LIMIT 1)
    * %(amount)s::numeric;

-- name: end_campaign
UPDATE campaigns SET ends_at = %(at)s WHERE campaign_no = %(campaign_no)s;

-- name: end_orders
-- at a campaign's end what still waits has expired, and what it has reserved is free again
WITH ended AS (
    UPDATE orders AS o SET status = 'expired', reason = 'expired', settled_at = %(at)s
    WHERE o.campaign_no = %(campaign_no)s AND o.status = 'pending' AND o.accepted_at <= %(at)s
    RETURNING o.order_no, o.user_no, o.token_no, o.reserved
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, reserved)
    SELECT %(campaign_no)s, e.user_no, e.token_no, %(at)s, 'returned', e.order_no, e.reserved, -e.reserved
    FROM ended AS e WHERE e.reserved > 0
    RETURNING user_no, token_no, reserved
), back AS (
    UPDATE user_balances AS b
    SET balance = trim_scale(b.balance - p.reserved), reserved = trim_scale(b.reserved + p.reserved), updated_at = %(at)s
    FROM (SELECT user_no, token_no, sum(reserved) AS reserved FROM posted GROUP BY user_no, token_no) AS p
    WHERE b.user_no = p.user_no AND b.token_no = p.token_no
)
SELECT count(*) FROM ended;

-- name: tokens_of_order
-- whose prices an order waits for
SELECT w.token_no FROM orders AS o
CROSS JOIN LATERAL unnest(CASE o.kind WHEN 'swap' THEN ARRAY[o.token_no, o.to_token_no] ELSE ARRAY[o.to_token_no] END)
    AS w (token_no)
WHERE o.order_no = %(order_no)s;

-- name: order_by_no
SELECT o.order_no, o.id, o.user_no, o.kind, o.request, o.status, o.reason, o.accepted_at, o.settled_at, o.result, o.fee,
       p.payout - p.collateral AS pnl
FROM orders AS o
LEFT JOIN perp_positions AS p ON o.kind = 'perp_close' AND o.status = 'filled' AND p.order_no = o.target_no
WHERE o.order_no = %(order_no)s;
