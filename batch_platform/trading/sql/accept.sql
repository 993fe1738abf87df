-- What players bring: themselves, flows and orders, many at once, each player at most once in a statement.

-- name: add_users
INSERT INTO users (campaign_no, id, username, wallet_address, email, trade_style, total_asset_usd,
                   crypto_investment_usd, mails, status, acted_at, created_at, updated_at)
SELECT %(campaign_no)s, u.id, u.username, u.wallet_address, u.email, u.trade_style,
       coalesce(u.total_asset_usd, 0), coalesce(u.crypto_investment_usd, 0), coalesce(u.mails, false),
       coalesce(u.status, 'active'), u.at, u.at, u.at
FROM jsonb_to_recordset(%(users)s) AS u (
    id text, username text, wallet_address text, email text, trade_style text, total_asset_usd numeric,
    crypto_investment_usd numeric, mails boolean, status text, at timestamptz)
RETURNING user_no, id;

-- name: add_flows
-- the first grant is the baseline; every later flow is taken out of the profit
WITH incoming AS MATERIALIZED (
    SELECT f.*
    FROM jsonb_to_recordset(%(flows)s) AS f (
        user_no integer, at timestamptz, flow text, amounts jsonb, by_token jsonb, reason text, request_key text)
), stored AS (
    INSERT INTO flows (user_no, flow, at, amounts, is_baseline, reason, request_key)
    SELECT f.user_no, f.flow, f.at, f.amounts,
           f.flow = 'initial' AND NOT EXISTS (SELECT FROM flows AS b WHERE b.user_no = f.user_no AND b.is_baseline),
           f.reason, f.request_key
    FROM incoming AS f
    RETURNING flow_no, user_no, at, flow
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, flow_no, wallet, house)
    SELECT %(campaign_no)s, s.user_no, a.token_no::integer, s.at, s.flow, s.flow_no, a.amount::numeric, -a.amount::numeric
    FROM stored AS s
    JOIN incoming AS f USING (user_no)
    CROSS JOIN LATERAL jsonb_each_text(f.by_token) AS a (token_no, amount)
    WHERE a.amount::numeric <> 0
    RETURNING user_no, token_no, at, wallet
), acted AS (
    UPDATE users AS u SET acted_at = greatest(u.acted_at, s.at) FROM stored AS s WHERE u.user_no = s.user_no
), balanced AS (
    MERGE INTO user_balances AS b
    USING posted AS p ON b.user_no = p.user_no AND b.token_no = p.token_no
    WHEN MATCHED THEN UPDATE SET balance = trim_scale(b.balance + p.wallet), updated_at = p.at
    WHEN NOT MATCHED THEN INSERT (user_no, token_no, balance, updated_at) VALUES (p.user_no, p.token_no, p.wallet, p.at)
)
SELECT flow_no, user_no FROM stored;

-- name: expire_orders
-- Before players act again, their orders whose 1800 seconds have passed give back what they had reserved.
WITH acting AS (
    SELECT a.user_no, a.at FROM jsonb_to_recordset(%(acts)s) AS a (user_no integer, at timestamptz)
), late AS (
    UPDATE orders AS o
    SET status = 'expired', reason = 'expired', fee = NULL, settled_at = o.accepted_at + interval '1801 seconds'
    FROM acting AS a
    WHERE o.user_no = a.user_no AND o.status = 'pending' AND o.accepted_at + interval '1800 seconds' < a.at
    RETURNING o.order_no, o.user_no, o.token_no, o.reserved, o.settled_at
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, reserved)
    SELECT %(campaign_no)s, l.user_no, l.token_no, l.settled_at, 'returned', l.order_no, l.reserved, -l.reserved
    FROM late AS l WHERE l.reserved > 0
    RETURNING user_no, token_no, at, wallet
)
UPDATE user_balances AS b
SET balance = trim_scale(b.balance + p.wallet), reserved = trim_scale(b.reserved - p.wallet), updated_at = p.at
FROM (
    SELECT user_no, token_no, max(at) AS at, sum(wallet) AS wallet FROM posted GROUP BY user_no, token_no
) AS p
WHERE b.user_no = p.user_no AND b.token_no = p.token_no;

-- name: accept_orders
-- Each order is refused, filled at once (staking), or waits with what it needs reserved.
WITH incoming AS MATERIALIZED (
    SELECT o.*
    FROM jsonb_to_recordset(%(orders)s) AS o (
        id text, user_no integer, at timestamptz, kind text, token_no integer, to_token_no integer, amount numeric,
        cost numeric, fee numeric, leverage integer, side smallint, target text, reason text, request jsonb,
        request_key text)
), looked AS (
    SELECT i.*, (i.at AT TIME ZONE 'UTC')::date AS day, v.order_no AS investment_no, v.token_no AS base_token_no,
           v.lst_token_no, v.principal, v.minted AS receipt, v.k_open, p.order_no AS position_no, p.token_no AS perp_token_no
    FROM incoming AS i
    LEFT JOIN investments AS v
        ON i.kind = 'unstake' AND v.user_no = i.user_no AND v.id = i.target AND v.status = 'active'
    LEFT JOIN perp_positions AS p
        ON i.kind = 'perp_close' AND p.user_no = i.user_no AND p.id = i.target AND p.status = 'open'
), priced AS (
    SELECT l.*,
           CASE WHEN l.kind = 'liquid_stake' THEN trunc(floor_quotient(l.amount, x.exchange_rate), lst.decimals) END AS minted,
           CASE WHEN l.investment_no IS NOT NULL AND l.lst_token_no IS NULL
               THEN stake_interest(l.principal, l.k_open, k.k) END AS accrued,
           CASE WHEN l.lst_token_no IS NOT NULL THEN trunc(l.receipt * x.exchange_rate, base.decimals) END AS redeemed,
           coalesce(base.decimals, 18) AS base_decimals
    FROM looked AS l
    LEFT JOIN tokens AS base ON base.token_no = l.base_token_no
    LEFT JOIN tokens AS lst ON lst.token_no = l.to_token_no
    LEFT JOIN lst_rates AS x
        ON x.lst_token_no = CASE l.kind WHEN 'liquid_stake' THEN l.to_token_no ELSE l.lst_token_no END AND x.day = l.day
    LEFT JOIN interest_index AS k ON k.token_no = l.base_token_no AND k.day = l.day
), decided AS MATERIALIZED (
    SELECT p.*, coalesce(p.redeemed, trunc(p.principal + p.accrued, p.base_decimals)) AS paid,
           coalesce(p.reason, CASE
               WHEN p.kind IN ('swap', 'perp_open', 'stake', 'liquid_stake') AND coalesce(b.balance, 0) < p.cost
                   THEN 'insufficient_balance'
               WHEN p.kind = 'liquid_stake' AND p.minted = 0 THEN 'amount_too_small'
               WHEN p.kind = 'unstake' AND p.investment_no IS NULL THEN 'not_active'
               WHEN p.kind = 'unstake' AND p.lst_token_no IS NOT NULL AND coalesce(b.balance, 0) < p.receipt
                   THEN 'insufficient_balance'
               WHEN p.redeemed = 0 THEN 'amount_too_small'
               WHEN p.kind = 'perp_close' AND p.position_no IS NULL THEN 'position_not_open'
               WHEN p.kind = 'perp_close' AND EXISTS (
                   SELECT FROM orders AS c
                   WHERE c.target_no = p.position_no AND c.kind = 'perp_close' AND c.status = 'pending')
                   THEN 'close_pending'
           END) AS refusal
    FROM priced AS p
    LEFT JOIN user_balances AS b
        ON b.user_no = p.user_no AND b.token_no = CASE p.kind WHEN 'unstake' THEN p.lst_token_no ELSE p.token_no END
), stored AS (
    INSERT INTO orders (user_no, campaign_no, id, kind, request, request_key, accepted_at, token_no, to_token_no, amount,
                        reserved, leverage, side, target_no, status, reason, settled_at, result, fee)
    SELECT d.user_no, %(campaign_no)s, d.id, d.kind, d.request, d.request_key, d.at,
           coalesce(d.token_no, d.base_token_no), coalesce(d.to_token_no, d.perp_token_no, d.lst_token_no),
           CASE d.kind WHEN 'unstake' THEN d.principal ELSE d.amount END,
           CASE WHEN d.refusal IS NULL AND d.kind IN ('swap', 'perp_open') THEN d.cost ELSE 0 END,
           d.leverage, d.side, coalesce(d.investment_no, d.position_no),
           CASE WHEN d.refusal IS NOT NULL THEN 'rejected'
                WHEN d.kind IN ('swap', 'perp_open', 'perp_close') THEN 'pending' ELSE 'filled' END,
           d.refusal,
           CASE WHEN d.refusal IS NOT NULL OR d.kind NOT IN ('swap', 'perp_open', 'perp_close') THEN d.at END,
           CASE WHEN d.refusal IS NULL THEN CASE d.kind WHEN 'liquid_stake' THEN d.minted WHEN 'unstake' THEN d.paid END END,
           CASE WHEN d.refusal IS NULL THEN d.fee END
    FROM decided AS d
    ORDER BY d.at, d.user_no
    RETURNING order_no, id, kind, user_no, status, reason, settled_at, result
), done AS (
    SELECT d.*, s.order_no FROM decided AS d JOIN stored AS s USING (user_no) WHERE d.refusal IS NULL
), posted AS (
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, reserved, staked, house)
    SELECT %(campaign_no)s, d.user_no, m.token_no, d.at, d.kind, d.order_no, m.wallet, m.reserved, m.staked, m.house
    FROM done AS d
    CROSS JOIN LATERAL (
        SELECT d.token_no, -d.cost, d.cost, 0, 0 WHERE d.kind IN ('swap', 'perp_open')
        UNION ALL SELECT d.token_no, -d.amount, 0, d.amount, 0 WHERE d.kind = 'stake'
        UNION ALL SELECT d.token_no, -d.amount, 0, 0, d.amount WHERE d.kind = 'liquid_stake'
        UNION ALL SELECT d.to_token_no, d.minted, 0, 0, -d.minted WHERE d.kind = 'liquid_stake'
        UNION ALL SELECT d.base_token_no, d.paid, 0, -d.principal, d.principal - d.paid
            WHERE d.kind = 'unstake' AND d.lst_token_no IS NULL
        UNION ALL SELECT d.lst_token_no, -d.receipt, 0, 0, d.receipt WHERE d.kind = 'unstake' AND d.lst_token_no IS NOT NULL
        UNION ALL SELECT d.base_token_no, d.paid, 0, 0, -d.paid WHERE d.kind = 'unstake' AND d.lst_token_no IS NOT NULL
    ) AS m (token_no, wallet, reserved, staked, house)
    RETURNING user_no, token_no, at, wallet, reserved, staked
), balanced AS (
    MERGE INTO user_balances AS b
    USING posted AS p ON b.user_no = p.user_no AND b.token_no = p.token_no
    WHEN MATCHED THEN UPDATE SET balance = trim_scale(b.balance + p.wallet), reserved = trim_scale(b.reserved + p.reserved),
        staked = trim_scale(b.staked + p.staked), updated_at = p.at
    WHEN NOT MATCHED THEN INSERT (user_no, token_no, balance, reserved, staked, updated_at)
        VALUES (p.user_no, p.token_no, p.wallet, p.reserved, p.staked, p.at)
), invested AS (
    INSERT INTO investments (order_no, user_no, id, token_no, lst_token_no, action_type, principal, minted, k_open,
                             interest_rate, start_date)
    SELECT d.order_no, d.user_no, d.id, d.token_no, CASE d.kind WHEN 'liquid_stake' THEN d.to_token_no END,
           CASE d.kind WHEN 'stake' THEN 'staking' ELSE 'liquid_staking' END, d.amount, d.minted, coalesce(k.k, 0),
           coalesce(r.interest_rate, 0), d.at
    FROM done AS d
    LEFT JOIN interest_index AS k ON k.token_no = d.token_no AND k.day = d.day AND d.kind = 'stake'
    LEFT JOIN LATERAL (
        SELECT r.interest_rate FROM interest_rates AS r
        WHERE r.token_no = d.token_no AND r.effective_date <= d.day
          AND r.action_type = CASE d.kind WHEN 'stake' THEN 'staking' ELSE 'liquid_staking' END
        ORDER BY r.effective_date DESC LIMIT 1
    ) AS r ON true
    WHERE d.kind IN ('stake', 'liquid_stake')
), withdrawn AS (
    UPDATE investments AS v
    SET status = 'withdrawn', withdrawn_at = d.at, accrued_interest = trim_scale(d.accrued), paid = d.paid
    FROM done AS d
    WHERE v.order_no = d.investment_no AND v.status = 'active'
), acted AS (
    UPDATE users AS u SET acted_at = greatest(u.acted_at, i.at) FROM incoming AS i WHERE u.user_no = i.user_no
)
SELECT order_no, id, user_no, kind, status, reason, settled_at, result FROM stored;
