-- Campaigns, and what is traded in them.

-- name: campaign
SELECT c.campaign_no, c.name, c.kind, c.starts_at, c.ends_at, c.swap_fee_bps, c.perp_fee_bps, c.max_trade_usd, c.day,
       c.tick_at, c.last_at, c.thinned_to, c.digest
FROM campaigns AS c
WHERE c.name = %(name)s;

-- name: campaigns
SELECT c.campaign_no, c.name, c.kind, c.starts_at, c.ends_at, c.swap_fee_bps, c.perp_fee_bps, c.max_trade_usd, c.day,
       c.tick_at, c.last_at, c.thinned_to, c.digest
FROM campaigns AS c
WHERE %(kind)s::text IS NULL OR c.kind = %(kind)s
ORDER BY c.campaign_no;

-- name: add_campaign
INSERT INTO campaigns (name, kind, starts_at, ends_at, swap_fee_bps, perp_fee_bps, max_trade_usd)
VALUES (%(name)s, %(kind)s, %(starts_at)s, %(ends_at)s, %(swap_fee_bps)s, %(perp_fee_bps)s, %(max_trade_usd)s)
ON CONFLICT (name) DO NOTHING
RETURNING campaign_no;

-- name: lock_campaign
-- everything that belongs to a tick stands alone; orders and flows of different players only share
SELECT pg_advisory_xact_lock(hashtextextended('batch_platform.trading.campaign', %(campaign_no)s));

-- name: share_campaign
SELECT pg_advisory_xact_lock_shared(hashtextextended('batch_platform.trading.campaign', %(campaign_no)s));

-- name: tokens
SELECT t.token_no, t.address, t.symbol, t.name, t.decimals, t.icon_url, t.type, t.perp_max_leverage, t.sources,
       pool.lst_token_no, base.base_token_no
FROM tokens AS t
LEFT JOIN lst_pools AS pool ON pool.base_token_no = t.token_no
LEFT JOIN lst_pools AS base ON base.lst_token_no = t.token_no
WHERE t.campaign_no = %(campaign_no)s
ORDER BY t.token_no;

-- name: add_tokens
INSERT INTO tokens (campaign_no, address, symbol, name, decimals, icon_url, type, perp_max_leverage, sources)
SELECT %(campaign_no)s, coalesce(t.address, t.symbol), t.symbol, coalesce(t.name, t.symbol), t.decimals, t.icon_url,
       coalesce(t.type, 'normal'), t.perp_max_leverage, coalesce(t.sources, '{}')
FROM jsonb_to_recordset(%(tokens)s) AS t (
    address text, symbol text, name text, decimals integer, icon_url text, type text, perp_max_leverage integer,
    sources jsonb)
RETURNING token_no, symbol;

-- name: add_pools
INSERT INTO lst_pools (base_token_no, lst_token_no, exchange_rate)
SELECT p.base_token_no, p.lst_token_no, p.exchange_rate
FROM jsonb_to_recordset(%(pools)s) AS p (base_token_no integer, lst_token_no integer, exchange_rate numeric);

-- name: add_interest_rates
INSERT INTO interest_rates (id, token_no, action_type, interest_rate, effective_date)
SELECT r.id, r.token_no, r.action_type, r.interest_rate, r.effective_date
FROM jsonb_to_recordset(%(rates)s) AS r (
    id uuid, token_no integer, action_type text, interest_rate numeric, effective_date date)
ON CONFLICT (token_no, action_type, effective_date) DO NOTHING
RETURNING id;

-- name: add_funding_rates
INSERT INTO funding_rates (id, token_no, rate, timestamp, source)
SELECT r.id, r.token_no, r.rate, r.at, coalesce(r.source, 'given')
FROM jsonb_to_recordset(%(rates)s) AS r (id uuid, token_no integer, rate numeric, at timestamptz, source text)
ON CONFLICT (token_no, timestamp) DO NOTHING
RETURNING id;
