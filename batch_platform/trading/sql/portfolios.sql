-- What one player has at an instant, from facts up to it alone.

-- name: player_in
-- a campaign and, where there is one of this wallet, its player; what flowed is as of the instant
SELECT c.campaign_no, c.kind, c.tick_at, c.last_at, u.user_no, u.id AS user, u.username, u.wallet_address, u.status,
       u.baseline_at, u.baseline_usd, u.acted_at, u.last_seen_at, u.created_at
FROM campaigns AS c
LEFT JOIN users AS u ON u.campaign_no = c.campaign_no AND u.wallet_address = %(wallet)s
WHERE c.name = %(name)s;

-- name: flowed
-- all flows since the baseline, and whether each that happened has its value
SELECT coalesce(sum(f.value_usd) FILTER (WHERE NOT f.is_baseline AND f.valued_at <= %(at)s), 0) AS net_flows_usd,
       coalesce(bool_and(f.valued_at IS NOT NULL AND f.valued_at <= %(at)s), true) AS is_valued
FROM flows AS f
WHERE f.user_no = %(user_no)s AND f.at <= %(at)s;

-- name: holdings
-- what was posted after the instant is taken back from the balances of now
SELECT t.symbol AS token, t.address AS token_address, h.balance, h.reserved, h.staked, p.price_usd, p.at AS price_at
FROM user_balances AS b
JOIN tokens AS t ON t.token_no = b.token_no
LEFT JOIN (
    SELECT m.token_no, sum(m.wallet) AS wallet, sum(m.reserved) AS reserved, sum(m.staked) AS staked
    FROM postings AS m
    WHERE m.campaign_no = %(campaign_no)s AND m.at > %(at)s AND m.user_no = %(user_no)s
    GROUP BY m.token_no
) AS later ON later.token_no = b.token_no
CROSS JOIN LATERAL (
    SELECT b.balance - coalesce(later.wallet, 0) AS balance, b.reserved - coalesce(later.reserved, 0) AS reserved,
           b.staked - coalesce(later.staked, 0) AS staked
) AS h
LEFT JOIN LATERAL (
    SELECT p.price_usd, p.at FROM price_ticks AS p
    WHERE p.token_no = b.token_no AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
) AS p ON true
WHERE b.user_no = %(user_no)s AND (h.balance <> 0 OR h.reserved <> 0 OR h.staked <> 0)
ORDER BY t.token_no;

-- name: stakes
SELECT v.id, v.action_type AS kind, t.symbol AS token, t.address AS token_address, t.decimals, v.principal, v.minted,
       v.interest_rate, v.start_date AS started_at, v.k_open, coalesce(k.k, 0) AS k_now, lst.symbol AS lst_token,
       x.exchange_rate, p.price_usd, p.at AS price_at
FROM investments AS v
JOIN tokens AS t ON t.token_no = v.token_no
LEFT JOIN tokens AS lst ON lst.token_no = v.lst_token_no
LEFT JOIN LATERAL (
    SELECT k.k FROM interest_index AS k
    WHERE k.token_no = v.token_no AND k.day <= (%(at)s::timestamptz AT TIME ZONE 'UTC')::date
    ORDER BY k.day DESC LIMIT 1
) AS k ON true
LEFT JOIN LATERAL (
    SELECT x.exchange_rate FROM lst_rates AS x
    WHERE x.lst_token_no = v.lst_token_no AND x.day <= (%(at)s::timestamptz AT TIME ZONE 'UTC')::date
    ORDER BY x.day DESC LIMIT 1
) AS x ON true
LEFT JOIN LATERAL (
    SELECT p.price_usd, p.at FROM price_ticks AS p
    WHERE p.token_no = v.token_no AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
) AS p ON true
WHERE v.user_no = %(user_no)s AND v.start_date <= %(at)s AND (v.withdrawn_at IS NULL OR v.withdrawn_at > %(at)s)
ORDER BY v.order_no;

-- name: open_positions
SELECT x.id, t.symbol AS token, t.address AS token_address, x.side, x.leverage, x.max_leverage, x.entry_price,
       x.quantity, x.collateral, x.j_open, x.open_fee, x.opened_at, x.liquidation_price AS liquidation_price_at_open,
       p.price_usd, p.at AS price_at, p.j, cash.price_usd AS usdc_price, cash.at AS usdc_at
FROM perp_positions AS x
JOIN tokens AS t ON t.token_no = x.token_no
LEFT JOIN tokens AS usdc ON usdc.campaign_no = t.campaign_no AND usdc.symbol = 'USDC'
LEFT JOIN LATERAL (
    SELECT p.price_usd, p.at, p.j FROM price_ticks AS p
    WHERE p.token_no = x.token_no AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT p.price_usd, p.at FROM price_ticks AS p
    WHERE p.token_no = usdc.token_no AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
) AS cash ON true
WHERE x.user_no = %(user_no)s AND x.opened_at <= %(at)s AND (x.closed_at IS NULL OR x.closed_at > %(at)s)
ORDER BY x.order_no;
