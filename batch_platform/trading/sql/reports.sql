-- What has happened in a span of time, [since, until), or stands at a day: what people see of a run.

-- name: ticks_between
SELECT k.at, k.kind, k.liquidated, k.filled,
       (SELECT count(*) FROM tokens AS t JOIN price_ticks AS p ON p.token_no = t.token_no AND p.at = k.at
        WHERE t.campaign_no = k.campaign_no) AS tokens
FROM ticks AS k
WHERE k.campaign_no = %(campaign_no)s AND k.at >= %(since)s AND k.at < %(until)s
ORDER BY k.at;

-- name: prices_between
SELECT t.symbol AS token, p.at, p.price_usd, p.j, p.source
FROM tokens AS t
JOIN price_ticks AS p ON p.token_no = t.token_no AND p.at >= %(since)s AND p.at < %(until)s
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.symbol, p.at;

-- name: liquidations_between
SELECT x.closed_at AS at, u.id AS user, t.symbol AS token, CASE x.side WHEN 1 THEN 'long' ELSE 'short' END AS direction,
       x.leverage, x.quantity, x.entry_price, x.exit_price, x.funding, x.equity, x.penalty, x.payout, x.bad_debt
FROM perp_positions AS x
JOIN users AS u ON u.user_no = x.user_no AND u.campaign_no = %(campaign_no)s
JOIN tokens AS t ON t.token_no = x.token_no
WHERE x.status = 'liquidated' AND x.closed_at >= %(since)s AND x.closed_at < %(until)s
ORDER BY x.closed_at, u.id, x.order_no;

-- name: interest_of_day
-- what the day before added to the index
SELECT t.symbol AS token, k.k, k.k - coalesce(b.k, 0) AS rate
FROM interest_index AS k
JOIN tokens AS t ON t.token_no = k.token_no AND t.campaign_no = %(campaign_no)s
LEFT JOIN interest_index AS b ON b.token_no = k.token_no AND b.day = k.day - 1
WHERE k.day = %(day)s
ORDER BY t.symbol;

-- name: lst_rates_of_day
SELECT t.symbol AS token, b.symbol AS base, x.exchange_rate
FROM lst_rates AS x
JOIN tokens AS t ON t.token_no = x.lst_token_no AND t.campaign_no = %(campaign_no)s
JOIN lst_pools AS p ON p.lst_token_no = x.lst_token_no
JOIN tokens AS b ON b.token_no = p.base_token_no
WHERE x.day = %(day)s
ORDER BY t.symbol;
