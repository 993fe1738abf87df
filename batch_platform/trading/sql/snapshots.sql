-- Portfolios at an instant, from facts up to it alone: made late or again they are the same rows.

-- name: begin_snapshot
-- whoever else takes the same one waits
INSERT INTO snapshot_instants (campaign_no, at) VALUES (%(campaign_no)s, %(at)s)
ON CONFLICT (campaign_no, at) DO UPDATE SET at = excluded.at;

-- name: clear_snapshot
-- what is there of an instant gives way to what is made now
WITH incomplete AS (
    DELETE FROM incomplete_snapshots WHERE campaign_no = %(campaign_no)s AND at = %(at)s
)
DELETE FROM portfolio_snapshots WHERE campaign_no = %(campaign_no)s AND timestamp = %(at)s;

-- name: take_snapshot
-- Value = (wallet + reserved + staked) * price + interest * price + equity of positions * price of USDC, rounded once.
-- What was posted after the instant is taken back from the balances of now.
WITH price AS MATERIALIZED (
    SELECT t.token_no, t.symbol, p.j,
           CASE WHEN p.at >= %(at)s::timestamptz - interval '1800 seconds' THEN p.price_usd END AS price
    FROM tokens AS t
    LEFT JOIN LATERAL (
        SELECT p.at, p.price_usd, p.j FROM price_ticks AS p
        WHERE p.token_no = t.token_no AND p.at <= %(at)s ORDER BY p.at DESC LIMIT 1
    ) AS p ON true
    WHERE t.campaign_no = %(campaign_no)s
), player AS MATERIALIZED (
    SELECT u.user_no, u.baseline_usd FROM users AS u
    WHERE u.campaign_no = %(campaign_no)s AND u.baseline_at <= %(at)s
), stake AS MATERIALIZED (
    SELECT v.user_no, p.symbol, p.price, stake_interest(v.principal, v.k_open, k.k) AS accrued
    FROM investments AS v
    JOIN price AS p ON p.token_no = v.token_no
    LEFT JOIN interest_index AS k
        ON k.token_no = v.token_no AND k.day = (%(at)s::timestamptz AT TIME ZONE 'UTC')::date
    WHERE v.action_type = 'staking' AND v.start_date <= %(at)s AND (v.withdrawn_at IS NULL OR v.withdrawn_at > %(at)s)
), position AS MATERIALIZED (
    SELECT x.user_no, p.symbol, p.price, usdc.symbol AS usdc, usdc.price AS usdc_price,
           perp_equity(x.side, x.collateral, x.quantity, x.entry_price, p.price,
                       perp_funding(x.side, x.quantity, p.j, x.j_open)) AS equity
    FROM perp_positions AS x
    JOIN price AS p ON p.token_no = x.token_no
    JOIN price AS usdc ON usdc.token_no = %(usdc_no)s
    WHERE x.opened_at <= %(at)s AND (x.closed_at IS NULL OR x.closed_at > %(at)s)
), worth AS (
    SELECT w.user_no, half_even(coalesce(sum(w.value), 0), 8) AS value
    FROM (
        SELECT b.user_no, p.price * CASE WHEN b.reserved = 0 AND b.staked = 0 THEN b.balance
                                         ELSE b.balance + b.reserved + b.staked END AS value
        FROM user_balances AS b JOIN price AS p ON p.token_no = b.token_no
        UNION ALL
        SELECT m.user_no, p.price * -(m.wallet + m.reserved + m.staked)
        FROM postings AS m JOIN price AS p ON p.token_no = m.token_no
        WHERE m.campaign_no = %(campaign_no)s AND m.at > %(at)s
        UNION ALL
        SELECT s.user_no, s.accrued * s.price FROM stake AS s
        UNION ALL
        SELECT x.user_no, greatest(x.equity, 0) * x.usdc_price FROM position AS x
    ) AS w
    GROUP BY w.user_no
), gap AS (
    SELECT g.user_no, array_agg(DISTINCT g.symbol COLLATE "C" ORDER BY g.symbol COLLATE "C") FILTER (WHERE g.symbol IS NOT NULL) AS missing
    FROM (
        SELECT h.user_no, p.symbol
        FROM price AS p
        JOIN (
            SELECT b.user_no, b.token_no, b.balance + b.reserved + b.staked AS amount FROM user_balances AS b
            UNION ALL
            SELECT m.user_no, m.token_no, -(m.wallet + m.reserved + m.staked)
            FROM postings AS m WHERE m.campaign_no = %(campaign_no)s AND m.at > %(at)s
        ) AS h ON h.token_no = p.token_no
        WHERE p.price IS NULL
        GROUP BY h.user_no, p.symbol HAVING sum(h.amount) <> 0
        UNION ALL
        SELECT s.user_no, s.symbol FROM stake AS s WHERE s.price IS NULL AND s.accrued <> 0
        UNION ALL
        SELECT x.user_no, x.symbol FROM position AS x WHERE x.price IS NULL
        UNION ALL
        SELECT x.user_no, x.usdc FROM position AS x WHERE x.usdc_price IS NULL AND coalesce(x.equity, 1) > 0
        UNION ALL
        SELECT f.user_no, p.symbol
        FROM flows AS f
        JOIN player AS u USING (user_no)
        LEFT JOIN postings AS m ON m.flow_no = f.flow_no
        LEFT JOIN price AS p ON p.token_no = m.token_no
        WHERE f.at <= %(at)s AND (f.valued_at IS NULL OR f.valued_at > %(at)s)
    ) AS g
    GROUP BY g.user_no
), flowed AS (
    SELECT f.user_no, sum(f.value_usd) AS value
    FROM flows AS f
    JOIN player AS u USING (user_no)
    WHERE NOT f.is_baseline AND f.valued_at <= %(at)s
    GROUP BY f.user_no
), marked AS (
    SELECT u.user_no, u.baseline_usd, coalesce(w.value, 0) AS value, coalesce(f.value, 0) AS flows,
           coalesce(last.total_value_usd, u.baseline_usd) AS last_value, coalesce(last.net_flows_usd, 0) AS last_flows,
           CASE WHEN last.user_no IS NULL THEN 1 ELSE last.twr_factor END AS last_factor
    FROM player AS u
    LEFT JOIN worth AS w USING (user_no)
    LEFT JOIN flowed AS f USING (user_no)
    LEFT JOIN LATERAL (
        SELECT s.user_no, s.total_value_usd, s.net_flows_usd, s.twr_factor
        FROM portfolio_snapshots AS s
        WHERE s.user_no = u.user_no AND s.timestamp < %(at)s
        ORDER BY s.timestamp DESC LIMIT 1
    ) AS last ON true
    WHERE NOT EXISTS (SELECT FROM gap AS g WHERE g.user_no = u.user_no)
), written AS (
    INSERT INTO portfolio_snapshots (user_no, campaign_no, timestamp, total_value_usd, pnl_from_previous,
                                     pnl_from_start, pnl_percentage, net_flows_usd, twr_factor)
    SELECT m.user_no, %(campaign_no)s, %(at)s, m.value,
           trim_scale(m.value - m.last_value - (m.flows - m.last_flows)),
           trim_scale(m.value - m.baseline_usd - m.flows),
           half_even_quotient(100 * (m.value - m.baseline_usd - m.flows), nullif(m.baseline_usd, 0), 8),
           trim_scale(m.flows),
           half_even_quotient(m.last_factor * (m.value - (m.flows - m.last_flows)), nullif(m.last_value, 0), 18)
    FROM marked AS m
    RETURNING user_no
), left_out AS (
    INSERT INTO incomplete_snapshots (user_no, campaign_no, at, missing)
    SELECT u.user_no, %(campaign_no)s, %(at)s, coalesce(g.missing, '{}')
    FROM gap AS g JOIN player AS u USING (user_no)
    RETURNING user_no
)
SELECT (SELECT count(*) FROM written) AS complete, (SELECT count(*) FROM left_out) AS incomplete,
       (SELECT count(*) FROM player) AS players;

-- name: lock_partitions
-- whoever makes the same partition at the same time waits, and finds it there
SELECT pg_advisory_xact_lock(hashtextextended('batch_platform.trading.partitions', 0));

-- name: missing_partition
SELECT to_regclass('trading.portfolio_snapshots_' || to_char(%(day)s::date, 'YYYYMMDD')) IS NULL;

-- name: make_partition
CREATE TABLE IF NOT EXISTS {partition} PARTITION OF trading.portfolio_snapshots FOR VALUES FROM ({begin}) TO ({end});

-- name: newest_instant
SELECT max(n.at) FROM snapshot_instants AS n WHERE n.campaign_no = %(campaign_no)s;

-- name: has_instant
SELECT EXISTS (SELECT FROM snapshot_instants AS n WHERE n.campaign_no = %(campaign_no)s AND n.at = %(at)s);

-- name: instants
SELECT n.at FROM snapshot_instants AS n
WHERE n.campaign_no = %(campaign_no)s AND (%(since)s::timestamptz IS NULL OR n.at >= %(since)s)
ORDER BY n.at;

-- name: snapshots_at
SELECT u.id AS user, s.timestamp AS at, s.total_value_usd, s.pnl_from_previous, s.pnl_from_start, s.pnl_percentage,
       s.net_flows_usd, s.twr_factor
FROM portfolio_snapshots AS s
JOIN users AS u ON u.user_no = s.user_no
WHERE s.campaign_no = %(campaign_no)s AND (%(at)s::timestamptz IS NULL OR s.timestamp = %(at)s)
ORDER BY s.timestamp, u.id;

-- name: incomplete_at
SELECT u.id AS user, i.at, i.missing
FROM incomplete_snapshots AS i
JOIN users AS u ON u.user_no = i.user_no
WHERE i.campaign_no = %(campaign_no)s AND (%(at)s::timestamptz IS NULL OR i.at = %(at)s)
ORDER BY i.at, u.id;

-- name: ranked
-- rank 1, 1, 3: shared only by those equal in both profits; disqualified players are not listed
SELECT rank() OVER (ORDER BY s.pnl_percentage DESC, s.pnl_from_start DESC) AS rank, u.id AS user, u.username,
       u.wallet_address, s.pnl_percentage, s.pnl_from_start AS pnl_usd, s.total_value_usd, s.twr_factor, s.timestamp AS at
FROM portfolio_snapshots AS s
JOIN users AS u ON u.user_no = s.user_no AND u.status = 'active'
WHERE s.campaign_no = %(campaign_no)s AND s.timestamp = %(at)s AND s.pnl_percentage IS NOT NULL
ORDER BY s.pnl_percentage DESC, s.pnl_from_start DESC, u.created_at, u.id
LIMIT %(limit)s OFFSET %(offset)s;

-- name: unranked
SELECT u.id AS user, u.username, u.wallet_address,
       CASE WHEN i.user_no IS NULL THEN 'no_baseline' ELSE 'price_missing:' || array_to_string(i.missing, ',') END AS reason
FROM users AS u
LEFT JOIN portfolio_snapshots AS s ON s.user_no = u.user_no AND s.timestamp = %(at)s AND s.pnl_percentage IS NOT NULL
LEFT JOIN incomplete_snapshots AS i ON i.user_no = u.user_no AND i.at = %(at)s AND u.baseline_usd <> 0
WHERE u.campaign_no = %(campaign_no)s AND u.status = 'active' AND u.created_at <= %(at)s AND s.user_no IS NULL
ORDER BY u.id;
