-- A contest as a whole: the temporary tables of a replay, what it has come to, and its way into the real tables.

-- name: tables
-- a table after those that it refers to
SELECT c.relname
FROM pg_class AS c
WHERE c.relnamespace = 'trading'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.oid;

-- name: identity_columns
SELECT c.table_name, c.column_name
FROM information_schema.columns AS c
WHERE c.table_schema = 'trading' AND c.is_identity = 'YES';

-- name: orders_answer
SELECT o.id, o.kind, o.status, o.reason, o.settled_at, o.result, o.fee
FROM orders AS o WHERE o.campaign_no = %(campaign_no)s ORDER BY o.order_no;

-- name: positions_answer
SELECT p.id, p.status, p.side, p.leverage, p.entry_price, p.quantity, p.collateral, p.opened_at, p.open_fee,
       p.liquidation_price AS liquidation_price_at_open, p.exit_price, p.close_fee, p.penalty, p.payout, p.bad_debt,
       p.closed_at, coalesce(p.funding, f.funding) AS funding,
       coalesce(p.equity, perp_equity(p.side, p.collateral, p.quantity, p.entry_price, last.price_usd, f.funding)) AS equity,
       liquidation_price(p.side, p.collateral, p.quantity, p.entry_price, f.funding, p.max_leverage) AS liquidation_price
FROM perp_positions AS p
JOIN users AS u ON u.user_no = p.user_no
CROSS JOIN LATERAL (
    SELECT t.price_usd, t.j FROM price_ticks AS t WHERE t.token_no = p.token_no ORDER BY t.at DESC LIMIT 1
) AS last
CROSS JOIN LATERAL (SELECT perp_funding(p.side, p.quantity, last.j, p.j_open) AS funding) AS f
WHERE u.campaign_no = %(campaign_no)s
ORDER BY p.order_no;

-- name: investments_answer
SELECT v.id, v.action_type AS kind, t.symbol AS token, v.principal, v.minted, v.paid, v.status,
       CASE WHEN v.action_type = 'staking'
            THEN coalesce(v.accrued_interest, stake_interest(v.principal, v.k_open, k.k)) END AS accrued_interest
FROM investments AS v
JOIN users AS u ON u.user_no = v.user_no
JOIN campaigns AS c ON c.campaign_no = u.campaign_no
JOIN tokens AS t ON t.token_no = v.token_no
LEFT JOIN interest_index AS k ON k.token_no = v.token_no AND k.day = c.day
WHERE u.campaign_no = %(campaign_no)s
ORDER BY v.order_no;

-- name: balances_answer
SELECT u.id AS user, t.symbol AS token, b.balance
FROM users AS u
LEFT JOIN user_balances AS b ON b.user_no = u.user_no AND b.balance <> 0
LEFT JOIN tokens AS t ON t.token_no = b.token_no
WHERE u.campaign_no = %(campaign_no)s
ORDER BY u.user_no, t.symbol;

-- name: funding_index_answer
SELECT t.symbol AS token, coalesce(last.j, 0) AS j
FROM tokens AS t
LEFT JOIN LATERAL (
    SELECT p.j FROM price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1
) AS last ON true
WHERE t.campaign_no = %(campaign_no)s AND t.perp_max_leverage IS NOT NULL
ORDER BY t.token_no;

-- name: lst_rates_answer
SELECT t.symbol AS lst, x.exchange_rate
FROM lst_rates AS x
JOIN tokens AS t ON t.token_no = x.lst_token_no
JOIN campaigns AS c ON c.campaign_no = t.campaign_no AND c.day = x.day
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no;

-- name: baselines_answer
SELECT u.id AS user, u.baseline_at AS at, u.baseline_usd AS value_usd
FROM users AS u
WHERE u.campaign_no = %(campaign_no)s AND u.baseline_at IS NOT NULL
ORDER BY u.user_no;

-- name: board_instants
SELECT s.at FROM snapshot_instants AS s WHERE s.campaign_no = %(campaign_no)s ORDER BY s.at;

-- name: every_ranked
SELECT s.timestamp AS at, rank() OVER (PARTITION BY s.timestamp ORDER BY s.pnl_percentage DESC, s.pnl_from_start DESC) AS rank,
       u.id AS user, s.pnl_percentage, s.pnl_from_start AS pnl_usd
FROM portfolio_snapshots AS s
JOIN users AS u ON u.user_no = s.user_no AND u.status = 'active'
WHERE s.campaign_no = %(campaign_no)s AND s.pnl_percentage IS NOT NULL
ORDER BY s.timestamp, s.pnl_percentage DESC, s.pnl_from_start DESC, u.created_at, u.id;

-- name: every_unranked
SELECT n.at, u.id AS user,
       CASE WHEN i.user_no IS NULL THEN 'no_baseline' ELSE 'price_missing:' || array_to_string(i.missing, ',') END AS reason
FROM snapshot_instants AS n
JOIN users AS u ON u.campaign_no = n.campaign_no AND u.status = 'active' AND u.created_at <= n.at
LEFT JOIN portfolio_snapshots AS s ON s.user_no = u.user_no AND s.timestamp = n.at AND s.pnl_percentage IS NOT NULL
LEFT JOIN incomplete_snapshots AS i ON i.user_no = u.user_no AND i.at = n.at AND u.baseline_usd <> 0
WHERE n.campaign_no = %(campaign_no)s AND s.user_no IS NULL
ORDER BY n.at, u.id;

-- name: waiting
SELECT u.id AS user, o.accepted_at FROM orders AS o
JOIN users AS u ON u.user_no = o.user_no
WHERE o.campaign_no = %(campaign_no)s AND o.status = 'pending'
ORDER BY o.accepted_at;

-- name: end_contest
UPDATE campaigns SET last_at = %(at)s WHERE campaign_no = %(campaign_no)s;

-- name: sign_contest
UPDATE campaigns SET digest = %(digest)s WHERE campaign_no = %(campaign_no)s;

-- name: analyze
ANALYZE users, user_balances, flows, orders, investments, perp_positions, postings, ticks, price_ticks, funding_rates,
    interest_index, lst_rates, portfolio_snapshots, incomplete_snapshots, tokens;

-- name: contest_size
SELECT (SELECT count(*) FROM users WHERE campaign_no = %(campaign_no)s) AS users,
       (SELECT count(*) FROM orders WHERE campaign_no = %(campaign_no)s) AS orders,
       (SELECT count(*) FROM ticks WHERE campaign_no = %(campaign_no)s) AS ticks,
       (SELECT count(*) FROM portfolio_snapshots WHERE campaign_no = %(campaign_no)s) AS snapshots;

-- name: is_empty
SELECT NOT EXISTS (SELECT FROM users WHERE campaign_no = %(campaign_no)s)
   AND NOT EXISTS (SELECT FROM ticks WHERE campaign_no = %(campaign_no)s);

-- name: remove_empty
-- a campaign without players and ticks makes room for a contest of its name
DELETE FROM trading.campaigns AS c
WHERE c.name = %(name)s
  AND NOT EXISTS (SELECT FROM trading.users AS u WHERE u.campaign_no = c.campaign_no)
  AND NOT EXISTS (SELECT FROM trading.ticks AS t WHERE t.campaign_no = c.campaign_no);
