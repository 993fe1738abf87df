-- What is traded in a campaign, at which prices and rates; and the campaigns themselves.

-- name: token_list
-- every token with its newest price
SELECT t.symbol, t.address, t.name, t.decimals, t.type, t.icon_url, t.perp_max_leverage, p.price_usd, p.at AS last_updated,
       p.observed_at, p.source, p.j AS funding_index, lst.address AS lst_address
FROM tokens AS t
LEFT JOIN lst_pools AS pool ON pool.base_token_no = t.token_no
LEFT JOIN tokens AS lst ON lst.token_no = pool.lst_token_no
LEFT JOIN LATERAL (SELECT * FROM price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1) AS p ON true
WHERE t.campaign_no = %(campaign_no)s
  AND (%(addresses)s::text[] IS NULL OR t.address = ANY (%(addresses)s::text[]))
ORDER BY t.token_no;

-- name: rate_list
SELECT t.symbol AS token, r.action_type AS action, r.interest_rate AS rate, r.effective_date AS since
FROM interest_rates AS r
JOIN tokens AS t ON t.token_no = r.token_no
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no, r.action_type, r.effective_date;

-- name: funding_rate_list
SELECT t.symbol AS token, r.rate, r.timestamp AS since, r.source
FROM funding_rates AS r
JOIN tokens AS t ON t.token_no = r.token_no
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no, r.timestamp;

-- name: pool_list
SELECT base.symbol AS base, lst.symbol AS lst, p.exchange_rate AS first_rate, x.exchange_rate, x.day AS rate_day,
       r.interest_rate
FROM lst_pools AS p
JOIN tokens AS base ON base.token_no = p.base_token_no
JOIN tokens AS lst ON lst.token_no = p.lst_token_no
LEFT JOIN LATERAL (
    SELECT x.exchange_rate, x.day FROM lst_rates AS x WHERE x.lst_token_no = p.lst_token_no ORDER BY x.day DESC LIMIT 1
) AS x ON true
LEFT JOIN LATERAL (
    SELECT r.interest_rate FROM interest_rates AS r
    WHERE r.token_no = p.base_token_no AND r.action_type = 'liquid_staking' AND r.effective_date <= coalesce(x.day, %(today)s)
    ORDER BY r.effective_date DESC LIMIT 1
) AS r ON true
WHERE base.campaign_no = %(campaign_no)s
ORDER BY base.token_no;

-- name: campaign_list
SELECT c.name, c.kind, c.starts_at, c.ends_at, c.swap_fee_bps, c.perp_fee_bps, c.max_trade_usd, c.tick_at, c.last_at,
       c.thinned_to,
       (SELECT count(*) FROM users AS u WHERE u.campaign_no = c.campaign_no) AS players,
       (SELECT max(n.at) FROM snapshot_instants AS n WHERE n.campaign_no = c.campaign_no) AS snapshot_at
FROM campaigns AS c
ORDER BY c.campaign_no;
