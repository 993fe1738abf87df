-- What players are told, in the transaction of the fact: in the app all of them, by mail who asked for it.

-- name: tell_orders
WITH fact AS (
    SELECT o.id, o.status, u.id AS user, u.email, u.mails, o.settled_at, jsonb_build_object(
        'username', u.username, 'campaign', c.name, 'order_id', o.id, 'kind', o.kind, 'reason', o.reason,
        'at', to_char(o.settled_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS'), 'token', paid.symbol,
        'to_token', got.symbol, 'amount', trim_scale(o.amount)::text, 'result', trim_scale(o.result)::text,
        'direction', CASE coalesce(o.side, p.side) WHEN 1 THEN 'long' WHEN -1 THEN 'short' END,
        'leverage', coalesce(o.leverage, p.leverage), 'price', trim_scale(p.entry_price)::text,
        'pnl', trim_scale(p.payout - p.collateral)::text) AS parameters
    FROM orders AS o
    JOIN users AS u ON u.user_no = o.user_no
    JOIN campaigns AS c ON c.campaign_no = o.campaign_no
    LEFT JOIN tokens AS paid ON paid.token_no = o.token_no
    LEFT JOIN tokens AS got ON got.token_no = o.to_token_no
    LEFT JOIN perp_positions AS p ON p.order_no = coalesce(o.target_no, o.order_no)
    WHERE o.order_no = ANY (%(order_nos)s) AND o.status <> 'pending'
)
SELECT outbox.enqueue('trading', jsonb_agg(jsonb_build_object(
    'key', 'order ' || f.user || ' ' || f.id || ' ' || w.channel, 'channel', w.channel, 'recipient', w.recipient,
    'template', CASE f.status WHEN 'filled' THEN 'order-filled' ELSE 'order-not-filled' END,
    'parameters', f.parameters)), %(now)s)
FROM fact AS f
CROSS JOIN LATERAL (
    SELECT 'in_app', f.user UNION ALL SELECT 'mail', f.email WHERE f.mails AND f.email IS NOT NULL
) AS w (channel, recipient);

-- name: tell_liquidations
WITH fact AS (
    SELECT p.id, u.id AS user, u.email, u.mails, jsonb_build_object(
        'username', u.username, 'campaign', c.name, 'position_id', p.id,
        'at', to_char(p.closed_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS'), 'token', t.symbol,
        'direction', CASE p.side WHEN 1 THEN 'long' ELSE 'short' END, 'leverage', p.leverage,
        'entry_price', trim_scale(p.entry_price)::text, 'price', trim_scale(p.exit_price)::text,
        'collateral', trim_scale(p.collateral)::text, 'payout', trim_scale(p.payout)::text) AS parameters
    FROM perp_positions AS p
    JOIN users AS u ON u.user_no = p.user_no
    JOIN campaigns AS c ON c.campaign_no = u.campaign_no
    JOIN tokens AS t ON t.token_no = p.token_no
    WHERE p.order_no = ANY (%(order_nos)s) AND p.status = 'liquidated'
)
SELECT outbox.enqueue('trading', jsonb_agg(jsonb_build_object(
    'key', 'liquidation ' || f.user || ' ' || f.id || ' ' || w.channel, 'channel', w.channel,
    'recipient', w.recipient, 'template', 'position-liquidated', 'parameters', f.parameters)), %(now)s)
FROM fact AS f
CROSS JOIN LATERAL (
    SELECT 'in_app', f.user UNION ALL SELECT 'mail', f.email WHERE f.mails AND f.email IS NOT NULL
) AS w (channel, recipient);

-- name: tell_end
SELECT outbox.enqueue('trading', jsonb_agg(jsonb_build_object(
    'key', 'end ' || u.id || ' ' || w.channel, 'channel', w.channel, 'recipient', w.recipient,
    'template', 'campaign-ended', 'parameters', jsonb_build_object(
        'username', u.username, 'campaign', c.name,
        'at', to_char(c.ends_at AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS')))), %(now)s)
FROM campaigns AS c
JOIN users AS u ON u.campaign_no = c.campaign_no
CROSS JOIN LATERAL (
    SELECT 'in_app', u.id UNION ALL SELECT 'mail', u.email WHERE u.mails AND u.email IS NOT NULL
) AS w (channel, recipient)
WHERE c.campaign_no = %(campaign_no)s;

-- name: set_mails
UPDATE users SET mails = %(mails)s, updated_at = %(now)s WHERE user_no = %(user_no)s AND mails <> %(mails)s;
