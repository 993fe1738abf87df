-- What became of one player: snapshots of a chart, transactions, orders.

-- name: series_buckets
-- the part of each bucket in the window, and when the player was last valued in it
SELECT greatest(b.begin, %(since)s) AS first, n.at AS newest
FROM generate_series(%(first_bucket)s::timestamptz, %(until)s::timestamptz, %(bucket)s::interval) AS b (begin)
CROSS JOIN LATERAL (
    SELECT n.at FROM snapshot_instants AS n
    WHERE n.campaign_no = %(campaign_no)s AND n.at BETWEEN greatest(b.begin, %(since)s) AND %(until)s
      AND n.at < b.begin + %(bucket)s::interval
      AND NOT EXISTS (SELECT FROM incomplete_snapshots AS i WHERE i.user_no = %(user_no)s AND i.at = n.at)
    ORDER BY n.at DESC LIMIT 1
) AS n
ORDER BY b.begin;

-- name: series_rows
-- the instants are given, so that the planner sees which days' partitions hold them
SELECT s.timestamp AS at, s.total_value_usd AS value, s.net_flows_usd AS net_flows
FROM portfolio_snapshots AS s
WHERE s.user_no = %(user_no)s AND s.timestamp = ANY (%(instants)s);

-- name: oldest_between
SELECT s.timestamp AS at, s.total_value_usd AS value, s.net_flows_usd AS net_flows
FROM portfolio_snapshots AS s
WHERE s.user_no = %(user_no)s AND s.timestamp BETWEEN %(first)s AND %(newest)s
ORDER BY s.timestamp LIMIT 1;

-- name: newest_between
SELECT s.timestamp AS at, s.total_value_usd AS value, s.net_flows_usd AS net_flows
FROM portfolio_snapshots AS s
WHERE s.user_no = %(user_no)s AND s.timestamp BETWEEN %(first)s AND %(newest)s
ORDER BY s.timestamp DESC LIMIT 1;

-- name: transactions
SELECT t.id, t.transaction_type, t.from_token_address, t.to_token_address, t.amount_from, t.amount_to, t.fee, t.details,
       t.created_at, t.number
FROM transactions AS t
WHERE t.user_no = %(user_no)s AND (%(kind)s::text IS NULL OR t.transaction_type = %(kind)s)
  AND (%(at)s::timestamptz IS NULL
       OR (t.created_at, t.number, t.transaction_type) < (%(at)s, %(number)s::bigint, %(kind_before)s::text))
ORDER BY t.created_at DESC, t.number DESC, t.transaction_type DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: count_transactions
SELECT count(*) FROM transactions AS t
WHERE t.user_no = %(user_no)s AND (%(kind)s::text IS NULL OR t.transaction_type = %(kind)s);

-- name: orders
SELECT o.order_no, o.id, o.kind, o.request, o.status, o.reason, o.accepted_at, o.settled_at, o.result, o.fee,
       p.payout - p.collateral AS pnl
FROM orders AS o
LEFT JOIN perp_positions AS p ON o.kind = 'perp_close' AND o.status = 'filled' AND p.order_no = o.target_no
WHERE o.user_no = %(user_no)s AND (%(status)s::text IS NULL OR o.status = %(status)s)
  AND (%(at)s::timestamptz IS NULL OR (o.accepted_at, o.order_no) < (%(at)s, %(number)s::bigint))
ORDER BY o.accepted_at DESC, o.order_no DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: count_orders
SELECT count(*) FROM orders AS o WHERE o.user_no = %(user_no)s AND (%(status)s::text IS NULL OR o.status = %(status)s);

-- name: order
SELECT o.order_no, o.id, u.wallet_address, o.kind, o.request, o.status, o.reason, o.accepted_at, o.settled_at, o.result,
       o.fee, p.payout - p.collateral AS pnl
FROM orders AS o
LEFT JOIN perp_positions AS p ON o.kind = 'perp_close' AND o.status = 'filled' AND p.order_no = o.target_no
JOIN campaigns AS c ON c.campaign_no = o.campaign_no AND c.name = %(name)s
JOIN users AS u ON u.user_no = o.user_no
WHERE o.id = %(id)s;

-- name: withdrawn
SELECT v.id, v.action_type AS kind, t.symbol AS token, t.address AS token_address, v.principal, v.interest_rate,
       v.start_date AS started_at, v.withdrawn_at, v.accrued_interest, v.minted, v.paid
FROM investments AS v
JOIN tokens AS t ON t.token_no = v.token_no
WHERE v.user_no = %(user_no)s AND v.status = 'withdrawn'
ORDER BY v.order_no;
