-- A tick: prices and the funding index, then flows, liquidations and fills, one statement each, in one transaction.

-- name: add_tick
INSERT INTO ticks (campaign_no, at, kind, window_at)
VALUES (%(campaign_no)s, %(at)s, %(kind)s, %(window_at)s);

-- name: add_prices
-- a liquid staking token is priced by its base alone, and not at all where that rounds to nothing; J grows by rate * price * seconds since the token's last tick
WITH given AS (
    SELECT g.token_no, g.price_usd, g.source, g.observed_at
    FROM jsonb_to_recordset(%(prices)s) AS g (token_no integer, price_usd numeric, source text, observed_at timestamptz)
), held AS (
    SELECT token_no, price_usd, source, observed_at FROM given
    UNION ALL
    SELECT p.lst_token_no, half_even(x.exchange_rate * g.price_usd, 18), 'derived', g.observed_at
    FROM given AS g
    JOIN lst_pools AS p ON p.base_token_no = g.token_no
    JOIN lst_rates AS x ON x.lst_token_no = p.lst_token_no AND x.day = (%(at)s::timestamptz AT TIME ZONE 'UTC')::date
)
INSERT INTO price_ticks (token_no, at, price_usd, j, source, observed_at)
SELECT h.token_no, %(at)s, h.price_usd, trim_scale(coalesce(last.j, 0) + h.price_usd * coalesce(f.rate_seconds, 0)),
       h.source, coalesce(h.observed_at, %(at)s)
FROM held AS h
LEFT JOIN LATERAL (
    SELECT p.at, p.j FROM price_ticks AS p WHERE p.token_no = h.token_no ORDER BY p.at DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT sum(r.rate * extract(epoch FROM least(r.until, %(at)s) - greatest(r.timestamp, last.at))) AS rate_seconds
    FROM (
        SELECT r.timestamp, r.rate, coalesce(lead(r.timestamp) OVER (ORDER BY r.timestamp), 'infinity') AS until
        FROM funding_rates AS r
        WHERE r.token_no = h.token_no AND r.timestamp < %(at)s AND r.timestamp >= coalesce(
            (SELECT max(b.timestamp) FROM funding_rates AS b WHERE b.token_no = h.token_no AND b.timestamp <= last.at),
            '-infinity')
    ) AS r
    WHERE last.at IS NOT NULL
) AS f ON true
WHERE h.price_usd > 0
RETURNING token_no;

-- name: value_flows
-- at the first tick that prices all its tokens; that of the first grant is the player's baseline
WITH priced AS (
    SELECT f.flow_no, f.user_no, f.is_baseline, half_even(coalesce(sum(m.wallet * p.price_usd), 0), 8) AS value_usd
    FROM flows AS f
    JOIN users AS u ON u.user_no = f.user_no AND u.campaign_no = %(campaign_no)s
    LEFT JOIN postings AS m ON m.flow_no = f.flow_no
    LEFT JOIN LATERAL (
        SELECT p.price_usd FROM price_ticks AS p
        WHERE p.token_no = m.token_no AND p.at BETWEEN %(at)s::timestamptz - interval '1800 seconds' AND %(at)s
        ORDER BY p.at DESC LIMIT 1
    ) AS p ON true
    WHERE f.valued_at IS NULL AND f.at <= %(at)s
    GROUP BY f.flow_no
    HAVING count(m.token_no) = count(p.price_usd)
), valued AS (
    UPDATE flows AS f SET valued_at = %(at)s, value_usd = p.value_usd FROM priced AS p WHERE f.flow_no = p.flow_no
    RETURNING f.flow_no
), baselines AS (
    UPDATE users AS u SET baseline_at = %(at)s, baseline_usd = p.value_usd
    FROM priced AS p WHERE p.is_baseline AND u.user_no = p.user_no
)
SELECT count(*) FROM valued;

-- name: liquidate
-- Those whose equity is at most the maintenance margin: 2 * Lmax * (C + s * Q * (P - E) + F) <= Q * P.
-- Searched by the index on the trigger, which lets through a few too many, then decided by the rule itself.
WITH held AS (
    SELECT p.token_no, p.price_usd AS price, p.j
    FROM price_ticks AS p WHERE p.token_no = ANY (%(token_nos)s) AND p.at = %(at)s
), bound AS (
    SELECT h.token_no, h.price, h.j, c.max_leverage,
           h.price - floor_quotient(h.price, 2 * c.max_leverage) - floor_quotient(h.j, 28800) - 0.000000000000000003 AS low,
           h.price + floor_quotient(h.price, 2 * c.max_leverage) - floor_quotient(h.j, 28800) + 0.000000000000000003 AS high
    FROM held AS h
    JOIN perp_classes AS c USING (token_no)
), candidate AS (
    SELECT p.*, b.price, b.j
    FROM bound AS b
    CROSS JOIN LATERAL (
        SELECT * FROM perp_positions AS p
        WHERE p.token_no = b.token_no AND p.side = 1 AND p.max_leverage = b.max_leverage AND p.trigger >= b.low
          AND p.status = 'open'
        UNION ALL
        SELECT * FROM perp_positions AS p
        WHERE p.token_no = b.token_no AND p.side = -1 AND p.max_leverage = b.max_leverage AND p.trigger <= b.high
          AND p.status = 'open'
    ) AS p
), marked AS (
    SELECT c.order_no, c.price, c.quantity * c.price AS notional, c.max_leverage, f.funding,
           perp_equity(c.side, c.collateral, c.quantity, c.entry_price, c.price, f.funding) AS equity
    FROM candidate AS c
    CROSS JOIN LATERAL (SELECT perp_funding(c.side, c.quantity, c.j, c.j_open) AS funding) AS f
), liquidated AS (
    UPDATE perp_positions AS p
    SET status = 'liquidated', closed_at = %(at)s, exit_price = m.price, funding = trim_scale(m.funding),
        equity = trim_scale(m.equity), penalty = trim_scale(least(greatest(m.equity, 0), 0.015 * m.notional)),
        payout = trim_scale(trunc(greatest(m.equity, 0) - least(greatest(m.equity, 0), 0.015 * m.notional), 6)),
        bad_debt = trim_scale(ceil_to(greatest(-m.equity, 0), 6))
    FROM marked AS m
    WHERE p.order_no = m.order_no AND p.status = 'open' AND 2 * m.max_leverage * m.equity <= m.notional
    RETURNING p.order_no, p.id, p.user_no, p.token_no, p.collateral, p.payout, p.bad_debt
), closes AS (
    UPDATE orders AS o SET status = 'rejected', reason = 'position_liquidated', settled_at = %(at)s
    FROM liquidated AS l
    WHERE o.target_no = l.order_no AND o.kind = 'perp_close' AND o.status = 'pending'
      AND o.accepted_at + interval '1800 seconds' >= %(at)s
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, margin, house)
    SELECT %(campaign_no)s, l.user_no, %(usdc_no)s, %(at)s, 'perp_liquidation', l.order_no, l.payout, -l.collateral,
           l.collateral - l.payout
    FROM liquidated AS l
    RETURNING user_no, token_no, wallet
), balanced AS (
    MERGE INTO user_balances AS b
    USING (SELECT user_no, token_no, sum(wallet) AS wallet FROM posted GROUP BY user_no, token_no) AS p
        ON b.user_no = p.user_no AND b.token_no = p.token_no
    WHEN MATCHED THEN UPDATE SET balance = trim_scale(b.balance + p.wallet), updated_at = %(at)s
    WHEN NOT MATCHED THEN INSERT (user_no, token_no, balance, updated_at) VALUES (p.user_no, p.token_no, p.wallet, %(at)s)
)
SELECT order_no, id, user_no, token_no, collateral, payout, bad_debt FROM liquidated;

-- name: settle_orders
-- Orders that wait are filled by this tick if it holds all their tokens; after 1800 seconds they have expired.
-- Without tokens it is no tick: only expiry.
WITH held AS (
    SELECT p.token_no, p.price_usd AS price, p.j
    FROM price_ticks AS p WHERE p.token_no = ANY (%(token_nos)s) AND p.at = %(at)s
), waiting AS (
    SELECT o.order_no, o.id, o.user_no, o.kind, o.accepted_at, o.token_no, o.to_token_no, o.amount, o.reserved, o.leverage,
           o.side, o.target_no, o.fee, o.accepted_at + interval '1800 seconds' < %(at)s AS late
    FROM orders AS o
    WHERE o.campaign_no = %(campaign_no)s AND o.status = 'pending' AND o.accepted_at < %(at)s
      AND (%(user_no)s::integer IS NULL OR o.user_no = %(user_no)s)
), met AS (
    SELECT w.*, paid.price AS price_from, got.price, got.j, got_token.decimals AS to_decimals, got_token.perp_max_leverage AS max_leverage,
           p.side AS p_side, p.collateral, p.quantity AS p_quantity, p.entry_price, p.j_open
    FROM waiting AS w
    LEFT JOIN held AS paid ON paid.token_no = w.token_no
    LEFT JOIN held AS got ON got.token_no = w.to_token_no
    JOIN tokens AS got_token ON got_token.token_no = w.to_token_no
    LEFT JOIN perp_positions AS p ON w.kind = 'perp_close' AND p.order_no = w.target_no
    WHERE w.late OR (got.price IS NOT NULL AND (w.kind <> 'swap' OR paid.price IS NOT NULL))
), computed AS (
    SELECT m.*,
           CASE WHEN m.kind = 'swap' THEN trunc(floor_quotient(
               m.amount * m.price_from * (10000 - %(swap_fee_bps)s::numeric), 10000 * m.price), m.to_decimals) END AS amount_out,
           CASE WHEN m.kind = 'perp_open' THEN trunc(floor_quotient(m.amount * m.leverage, m.price), 9) END AS quantity,
           CASE WHEN m.kind = 'perp_close' THEN perp_funding(m.p_side, m.p_quantity, m.j, m.j_open) END AS funding,
           CASE WHEN m.kind = 'perp_close'
               THEN ceil_to(%(perp_fee_bps)s::numeric * m.p_quantity * m.price * 0.0001, 6) END AS close_fee
    FROM met AS m
), decided AS MATERIALIZED (
    SELECT c.*, e.equity, trunc(greatest(e.equity - c.close_fee, 0), 6) AS payout,
           CASE WHEN c.late THEN 'expired' WHEN c.amount_out = 0 OR c.quantity = 0 THEN 'rejected' ELSE 'filled' END AS status
    FROM computed AS c
    CROSS JOIN LATERAL (
        SELECT perp_equity(c.p_side, c.collateral, c.p_quantity, c.entry_price, c.price, c.funding) AS equity
    ) AS e
), settled AS (
    UPDATE orders AS o
    SET status = d.status,
        reason = CASE d.status WHEN 'expired' THEN 'expired' WHEN 'rejected' THEN 'amount_too_small' END,
        settled_at = CASE d.status WHEN 'expired' THEN d.accepted_at + interval '1801 seconds' ELSE %(at)s END,
        result = CASE WHEN d.status = 'filled' THEN trim_scale(CASE d.kind WHEN 'swap' THEN d.amount_out
                                                                     WHEN 'perp_close' THEN d.payout END) END,
        fee = CASE WHEN d.status <> 'filled' THEN NULL WHEN d.kind = 'swap'
            THEN trim_scale(d.amount * %(swap_fee_bps)s::numeric * 0.0001) WHEN d.kind = 'perp_close' THEN trim_scale(d.close_fee)
            ELSE o.fee END
    FROM decided AS d
    WHERE o.order_no = d.order_no AND o.status = 'pending'
    RETURNING o.order_no, o.id, o.user_no, o.kind, o.status, o.reason, o.settled_at, o.result, d.accepted_at
), opened AS (
    INSERT INTO perp_positions (order_no, user_no, id, token_no, side, leverage, max_leverage, entry_price, quantity,
                                collateral, j_open, open_fee, liquidation_price, trigger, opened_at)
    SELECT d.order_no, d.user_no, d.id, d.to_token_no, d.side, d.leverage, d.max_leverage, d.price, trim_scale(d.quantity),
           d.amount, d.j, d.fee, liquidation_price(d.side, d.amount, d.quantity, d.price, 0, d.max_leverage),
           liquidation_trigger(d.side, d.amount, d.quantity, d.price, d.j), %(at)s
    FROM decided AS d
    WHERE d.kind = 'perp_open' AND d.status = 'filled'
    RETURNING token_no, max_leverage
), classes AS (
    INSERT INTO perp_classes (token_no, max_leverage) SELECT DISTINCT token_no, max_leverage FROM opened
    ON CONFLICT DO NOTHING
), closed AS (
    UPDATE perp_positions AS p
    SET status = 'closed', closed_at = %(at)s, exit_price = d.price, funding = trim_scale(d.funding),
        equity = trim_scale(d.equity), close_fee = trim_scale(d.close_fee), payout = trim_scale(d.payout)
    FROM decided AS d
    WHERE d.kind = 'perp_close' AND d.status = 'filled' AND p.order_no = d.target_no AND p.status = 'open'
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, reserved, margin, house)
    SELECT %(campaign_no)s, d.user_no, m.token_no,
           CASE d.status WHEN 'expired' THEN d.accepted_at + interval '1801 seconds' ELSE %(at)s END,
           CASE d.status WHEN 'filled' THEN d.kind ELSE 'returned' END, d.order_no, m.wallet, m.reserved, m.margin, m.house
    FROM decided AS d
    CROSS JOIN LATERAL (
        SELECT d.token_no, d.reserved, -d.reserved, 0, 0 WHERE d.status <> 'filled' AND d.reserved > 0
        UNION ALL SELECT d.token_no, 0, -d.reserved, 0, d.reserved WHERE d.status = 'filled' AND d.kind = 'swap'
        UNION ALL SELECT d.to_token_no, d.amount_out, 0, 0, -d.amount_out WHERE d.status = 'filled' AND d.kind = 'swap'
        UNION ALL SELECT d.token_no, 0, -d.reserved, d.amount, d.reserved - d.amount
            WHERE d.status = 'filled' AND d.kind = 'perp_open'
        UNION ALL SELECT %(usdc_no)s::integer, d.payout, 0, -d.collateral, d.collateral - d.payout
            WHERE d.status = 'filled' AND d.kind = 'perp_close'
    ) AS m (token_no, wallet, reserved, margin, house)
    RETURNING user_no, token_no, at, wallet, reserved
), balanced AS (
    MERGE INTO user_balances AS b
    USING (
        SELECT user_no, token_no, max(at) AS at, sum(wallet) AS wallet, sum(reserved) AS reserved
        FROM posted GROUP BY user_no, token_no
    ) AS p ON b.user_no = p.user_no AND b.token_no = p.token_no
    WHEN MATCHED THEN UPDATE SET balance = trim_scale(b.balance + p.wallet), reserved = trim_scale(b.reserved + p.reserved),
        updated_at = p.at
    WHEN NOT MATCHED THEN INSERT (user_no, token_no, balance, updated_at) VALUES (p.user_no, p.token_no, p.wallet, p.at)
)
SELECT order_no, id, user_no, kind, status, reason, settled_at, result FROM settled ORDER BY accepted_at, id;

-- name: end_tick
WITH seen AS (
    UPDATE ticks SET liquidated = %(liquidated)s, filled = %(filled)s
    WHERE campaign_no = %(campaign_no)s AND at = %(at)s
)
UPDATE campaigns SET tick_at = %(at)s WHERE campaign_no = %(campaign_no)s;
