-- A campaign's facts as they were given, what was made of them, and whether its books add up.

-- name: given_tokens
SELECT t.symbol AS token, t.decimals, t.perp_max_leverage
FROM tokens AS t WHERE t.campaign_no = %(campaign_no)s ORDER BY t.token_no;

-- name: given_pools
SELECT base.symbol AS base, lst.symbol AS lst, p.exchange_rate
FROM lst_pools AS p
JOIN tokens AS base ON base.token_no = p.base_token_no
JOIN tokens AS lst ON lst.token_no = p.lst_token_no
WHERE base.campaign_no = %(campaign_no)s
ORDER BY base.token_no;

-- name: given_users
SELECT u.id AS user, u.created_at AS at, u.status FROM users AS u
WHERE u.campaign_no = %(campaign_no)s ORDER BY u.created_at, u.user_no;

-- name: given_flows
SELECT u.id AS user, f.at, f.flow, f.amounts
FROM flows AS f JOIN users AS u ON u.user_no = f.user_no
WHERE u.campaign_no = %(campaign_no)s ORDER BY f.at, f.flow_no;

-- name: given_ticks
SELECT p.at, jsonb_object_agg(t.symbol, trim_scale(p.price_usd)::text) AS prices
FROM price_ticks AS p JOIN tokens AS t ON t.token_no = p.token_no
WHERE t.campaign_no = %(campaign_no)s AND p.source <> 'derived'
GROUP BY p.at ORDER BY p.at;

-- name: given_orders
-- what was asked for after the end was never weighed
SELECT o.id, u.id AS user, o.accepted_at AS at, o.request
FROM orders AS o JOIN users AS u ON u.user_no = o.user_no
WHERE o.campaign_no = %(campaign_no)s AND o.reason IS DISTINCT FROM 'campaign_ended'
ORDER BY o.accepted_at, o.order_no;

-- name: first_rates_day
SELECT min(x.day) FROM lst_rates AS x JOIN tokens AS t ON t.token_no = x.lst_token_no WHERE t.campaign_no = %(campaign_no)s;

-- name: rates_of_day
SELECT DISTINCT ON (x.lst_token_no) t.symbol AS lst, x.exchange_rate
FROM lst_rates AS x JOIN tokens AS t ON t.token_no = x.lst_token_no
WHERE t.campaign_no = %(campaign_no)s AND x.day <= %(day)s
ORDER BY x.lst_token_no, x.day DESC;

-- name: recorded_balances
SELECT ARRAY[u.id, t.symbol] AS key, b.balance, b.reserved, b.staked
FROM user_balances AS b
JOIN users AS u ON u.user_no = b.user_no
JOIN tokens AS t ON t.token_no = b.token_no
WHERE u.campaign_no = %(campaign_no)s AND (b.balance <> 0 OR b.reserved <> 0 OR b.staked <> 0);

-- name: recorded_orders
SELECT ARRAY[o.id] AS key, u.id AS user, o.kind, o.status, o.reason, o.accepted_at, o.settled_at, paid.symbol AS token,
       got.symbol AS to_token, o.amount, o.reserved, o.result, o.fee
FROM orders AS o
JOIN users AS u ON u.user_no = o.user_no
LEFT JOIN tokens AS paid ON paid.token_no = o.token_no
LEFT JOIN tokens AS got ON got.token_no = o.to_token_no
WHERE o.campaign_no = %(campaign_no)s AND o.reason IS DISTINCT FROM 'campaign_ended';

-- name: recorded_positions
SELECT ARRAY[x.id] AS key, u.id AS user, t.symbol AS token, x.side, x.leverage, x.max_leverage, x.entry_price, x.quantity,
       x.collateral, x.j_open, x.open_fee, x.liquidation_price, x.trigger, x.opened_at, x.status, x.closed_at,
       x.exit_price, x.funding, x.equity, x.close_fee, x.penalty, x.payout, x.bad_debt
FROM perp_positions AS x
JOIN users AS u ON u.user_no = x.user_no
JOIN tokens AS t ON t.token_no = x.token_no
WHERE u.campaign_no = %(campaign_no)s;

-- name: recorded_investments
-- an index of interest is only known up to its beginning: stakes by what they have earned since
SELECT ARRAY[v.id] AS key, u.id AS user, t.symbol AS token, v.action_type, v.principal, v.minted, v.interest_rate, v.start_date,
       v.status, v.withdrawn_at, v.accrued_interest, v.paid,
       CASE WHEN v.action_type = 'staking' AND v.status = 'active'
            THEN stake_interest(v.principal, v.k_open, k.k) END AS accrued_by_now
FROM investments AS v
JOIN users AS u ON u.user_no = v.user_no
JOIN tokens AS t ON t.token_no = v.token_no
LEFT JOIN interest_index AS k ON k.token_no = v.token_no AND k.day = %(until)s
WHERE u.campaign_no = %(campaign_no)s;

-- name: recorded_flows
SELECT ARRAY[u.id, f.flow, to_char(f.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')] AS key, f.is_baseline, f.valued_at,
       f.value_usd
FROM flows AS f JOIN users AS u ON u.user_no = f.user_no
WHERE u.campaign_no = %(campaign_no)s;

-- name: recorded_users
SELECT ARRAY[u.id] AS key, u.status, u.created_at, u.baseline_at, u.baseline_usd FROM users AS u WHERE u.campaign_no = %(campaign_no)s;

-- name: recorded_prices
SELECT ARRAY[t.symbol, to_char(p.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')] AS key, p.price_usd, p.j
FROM price_ticks AS p JOIN tokens AS t ON t.token_no = p.token_no
WHERE t.campaign_no = %(campaign_no)s;

-- name: recorded_ticks
SELECT ARRAY[to_char(k.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')] AS key, k.liquidated, k.filled
FROM ticks AS k WHERE k.campaign_no = %(campaign_no)s;

-- name: recorded_lst_rates
SELECT ARRAY[t.symbol, x.day::text] AS key, x.exchange_rate
FROM lst_rates AS x JOIN tokens AS t ON t.token_no = x.lst_token_no
WHERE t.campaign_no = %(campaign_no)s AND x.day BETWEEN %(since)s AND %(until)s;

-- name: recorded_interest
-- what each day has added
SELECT ARRAY[d.symbol, d.day::text] AS key, d.rate
FROM (
    SELECT t.symbol, k.day, k.k - coalesce(lag(k.k) OVER (PARTITION BY k.token_no ORDER BY k.day), 0) AS rate
    FROM interest_index AS k JOIN tokens AS t ON t.token_no = k.token_no
    WHERE t.campaign_no = %(campaign_no)s
) AS d
WHERE d.day > %(since)s AND d.day <= %(until)s;

-- name: recorded_postings
SELECT ARRAY[u.id, t.symbol, to_char(m.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), m.kind, coalesce(o.id, ''),
             coalesce(f.flow, ''), coalesce(to_char(f.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')] AS key,
       sum(m.wallet) AS wallet, sum(m.reserved) AS reserved, sum(m.staked) AS staked, sum(m.margin) AS margin,
       sum(m.house) AS house
FROM postings AS m
JOIN users AS u ON u.user_no = m.user_no
JOIN tokens AS t ON t.token_no = m.token_no
LEFT JOIN orders AS o ON o.order_no = m.order_no
LEFT JOIN flows AS f ON f.flow_no = m.flow_no
WHERE m.campaign_no = %(campaign_no)s
GROUP BY 1;

-- name: recorded_snapshots
SELECT ARRAY[u.id, to_char(s.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')] AS key, u.id AS user, s.timestamp AS at,
       s.total_value_usd, s.pnl_from_previous, s.pnl_from_start, s.pnl_percentage, s.net_flows_usd, s.twr_factor
FROM portfolio_snapshots AS s JOIN users AS u ON u.user_no = s.user_no
WHERE s.campaign_no = %(campaign_no)s;

-- name: recorded_incomplete
SELECT ARRAY[u.id, to_char(i.at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')] AS key, i.missing
FROM incomplete_snapshots AS i JOIN users AS u ON u.user_no = i.user_no
WHERE i.campaign_no = %(campaign_no)s;

-- name: misjudged
-- of a live campaign: who stands otherwise than people have last decided, which the audit log has
SELECT u.id AS user, coalesce(d.status, 'active') AS expected, u.status AS found
FROM users AS u
LEFT JOIN LATERAL (
    SELECT a.after ->> 'status' AS status
    FROM web.audit_log AS a
    WHERE a.what = ANY (%(decisions)s) AND a.target = u.wallet_address AND a.after ->> 'campaign' = %(campaign)s
    ORDER BY a.id DESC LIMIT 1
) AS d ON true
WHERE u.campaign_no = %(campaign_no)s AND u.status <> coalesce(d.status, 'active')
ORDER BY u.id;

-- name: books
-- of each player and token what the accounts hold, against the sum of the postings; house is what makes it zero
WITH held AS (
    SELECT b.user_no, b.token_no, b.balance AS wallet, b.reserved, b.staked, 0 AS kept, 0 AS invested, 0 AS margin
    FROM user_balances AS b JOIN users AS u ON u.user_no = b.user_no AND u.campaign_no = %(campaign_no)s
    UNION ALL
    SELECT o.user_no, o.token_no, 0, 0, 0, o.reserved, 0, 0
    FROM orders AS o WHERE o.campaign_no = %(campaign_no)s AND o.status = 'pending'
    UNION ALL
    SELECT v.user_no, v.token_no, 0, 0, 0, 0, v.principal, 0
    FROM investments AS v JOIN users AS u ON u.user_no = v.user_no AND u.campaign_no = %(campaign_no)s
    WHERE v.status = 'active' AND v.action_type = 'staking'
    UNION ALL
    SELECT x.user_no, usdc.token_no, 0, 0, 0, 0, 0, x.collateral
    FROM perp_positions AS x
    JOIN users AS u ON u.user_no = x.user_no AND u.campaign_no = %(campaign_no)s
    JOIN tokens AS usdc ON usdc.campaign_no = u.campaign_no AND usdc.symbol = 'USDC'
    WHERE x.status = 'open'
), accounts AS (
    SELECT h.user_no, h.token_no, sum(h.wallet) AS wallet, sum(h.reserved) AS reserved, sum(h.staked) AS staked,
           sum(h.kept) AS kept, sum(h.invested) AS invested, sum(h.margin) AS margin
    FROM held AS h WHERE h.token_no IS NOT NULL GROUP BY h.user_no, h.token_no
), moved AS (
    SELECT m.user_no, m.token_no, sum(m.wallet) AS wallet, sum(m.reserved) AS reserved, sum(m.staked) AS staked,
           sum(m.margin) AS margin, sum(m.house) AS house
    FROM postings AS m WHERE m.campaign_no = %(campaign_no)s GROUP BY m.user_no, m.token_no
)
SELECT u.id AS user, t.symbol AS token, c.account, c.expected, c.found
FROM accounts AS a
FULL JOIN moved AS m ON m.user_no = a.user_no AND m.token_no = a.token_no
JOIN users AS u ON u.user_no = coalesce(a.user_no, m.user_no)
JOIN tokens AS t ON t.token_no = coalesce(a.token_no, m.token_no)
CROSS JOIN LATERAL (
    VALUES ('wallet', coalesce(m.wallet, 0), coalesce(a.wallet, 0)),
           ('reserved', coalesce(m.reserved, 0), coalesce(a.reserved, 0)),
           ('reserved by orders', coalesce(a.reserved, 0), coalesce(a.kept, 0)),
           ('staked', coalesce(m.staked, 0), coalesce(a.staked, 0)),
           ('staked by investments', coalesce(a.staked, 0), coalesce(a.invested, 0)),
           ('margin of positions', coalesce(m.margin, 0), coalesce(a.margin, 0)),
           ('sum with the house', 0, coalesce(a.wallet, 0) + coalesce(a.kept, 0) + coalesce(a.invested, 0)
               + coalesce(a.margin, 0) + coalesce(m.house, 0))
) AS c (account, expected, found)
WHERE c.expected <> c.found
UNION ALL
SELECT u.id, t.symbol, 'not below zero', 0, least(b.balance, b.reserved, b.staked)
FROM user_balances AS b
JOIN users AS u ON u.user_no = b.user_no AND u.campaign_no = %(campaign_no)s
JOIN tokens AS t ON t.token_no = b.token_no
WHERE least(b.balance, b.reserved, b.staked) < 0
ORDER BY 1, 2, 3;
