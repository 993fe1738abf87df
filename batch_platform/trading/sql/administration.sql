-- What administrators set: campaigns, and what is traded in them.

-- name: change_campaign
-- what is not given stays
UPDATE campaigns SET
    starts_at = coalesce(%(starts_at)s, starts_at), ends_at = coalesce(%(ends_at)s, ends_at),
    swap_fee_bps = coalesce(%(swap_fee_bps)s, swap_fee_bps), perp_fee_bps = coalesce(%(perp_fee_bps)s, perp_fee_bps),
    max_trade_usd = coalesce(%(max_trade_usd)s, max_trade_usd)
WHERE campaign_no = %(campaign_no)s;

-- name: has_orders
SELECT EXISTS (SELECT FROM orders AS o WHERE o.campaign_no = %(campaign_no)s);

-- name: is_asked_for
-- whether an order has ever named a token, be it one that was refused
SELECT EXISTS (
    SELECT FROM orders AS o
    WHERE o.campaign_no = %(campaign_no)s AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
      AND %(symbol)s IN (o.request ->> 'token', o.request ->> 'from', o.request ->> 'to'));

-- name: change_token
UPDATE tokens SET
    name = coalesce(%(name)s, name), icon_url = coalesce(%(icon_url)s, icon_url),
    perp_max_leverage = coalesce(%(perp_max_leverage)s, perp_max_leverage)
WHERE token_no = %(token_no)s;
