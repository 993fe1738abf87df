-- What became of one player: snapshots of a chart, transactions, orders.

-- name: series_rows
-- each bucket is a range of its own, so that only its newest row is read
WITH shown AS (
    SELECT newest.timestamp, newest.total_value_usd, newest.net_flows_usd
    FROM generate_series(%(first_bucket)s::timestamptz, %(until)s::timestamptz, %(bucket)s::interval) AS begin
    CROSS JOIN LATERAL (
        SELECT s.timestamp, s.total_value_usd, s.net_flows_usd
        FROM portfolio_snapshots AS s
        WHERE s.user_no = %(user_no)s
          AND s.timestamp >= greatest(begin, %(since)s) AND s.timestamp < begin + %(bucket)s::interval
          AND s.timestamp BETWEEN %(since)s AND %(until)s
        ORDER BY s.timestamp DESC LIMIT 1
    ) AS newest
)
SELECT timestamp AS at, total_value_usd AS value, net_flows_usd AS net_flows FROM shown
UNION
(SELECT s.timestamp, s.total_value_usd, s.net_flows_usd
 FROM portfolio_snapshots AS s
 WHERE s.user_no = %(user_no)s AND s.timestamp BETWEEN %(since)s AND %(until)s
 ORDER BY s.timestamp LIMIT 1);

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
