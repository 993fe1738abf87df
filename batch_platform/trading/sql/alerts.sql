-- Alert rules of trading: a row (subject, job, summary) for each thing that is wrong now, in live campaigns that last.

-- name: rule_source_failing
-- since a request failed no other one has succeeded
SELECT c.name || '/' || s.source AS subject,
       CASE s.source WHEN 'funding' THEN 'funding-rate' ELSE 'price-update' END AS job,
       jsonb_build_object(
           'source', s.source, 'campaign', c.name,
           'reason', CASE
               WHEN s.failed LIKE 'http\_%%' THEN jsonb_build_object(
                   'id', 'answer-status', 'parameters', jsonb_build_object('status', substr(s.failed, 6)))
               WHEN 'answer-' || translate(s.failed, '_', '-') = ANY(%(known)s) THEN jsonb_build_object(
                   'id', 'answer-' || translate(s.failed, '_', '-'), 'parameters', jsonb_build_object())
               ELSE to_jsonb(s.failed)
           END,
           'since', to_char(s.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')) AS summary
FROM trading.campaigns AS c
CROSS JOIN LATERAL (
    SELECT f.source, min(f.at) AS since, max(f.at) AS latest, (array_agg(f.failed ORDER BY f.at DESC))[1] AS failed
    FROM trading.price_fetches AS f
    WHERE f.campaign_no = c.campaign_no AND f.at > %(now)s - %(forgotten_after)s::interval AND f.failed IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM trading.price_fetches AS good
          WHERE good.campaign_no = f.campaign_no AND good.source = f.source AND good.at >= f.at AND good.failed IS NULL)
    GROUP BY f.source
) AS s
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.ends_at > %(now)s) AND s.since <= %(now)s - %(patience)s::interval

-- name: rule_price_missing
-- of a token that somebody holds or bets on, in itself or as what stands for it
SELECT c.name || '/' || t.symbol AS subject, 'price-update' AS job,
       jsonb_build_object(
           'id', CASE WHEN r.source IS NULL THEN 'no-price' ELSE 'price-refused' END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'token', t.symbol, 'campaign', c.name, 'source', r.source,
               'reason', CASE
                   WHEN 'price-' || translate(r.reason, '_', '-') = ANY(%(known)s) THEN jsonb_build_object(
                       'id', 'price-' || translate(r.reason, '_', '-'), 'parameters', jsonb_build_object())
                   ELSE to_jsonb(r.reason)
               END,
               'since', coalesce(
                   to_jsonb(to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'),
                   jsonb_build_object('id', 'its-beginning', 'parameters', jsonb_build_object()))))) AS summary
FROM trading.campaigns AS c
JOIN trading.tokens AS t USING (campaign_no)
LEFT JOIN trading.lst_pools AS pool ON pool.base_token_no = t.token_no
LEFT JOIN LATERAL (
    SELECT p.at FROM trading.price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1
) AS p ON true
LEFT JOIN LATERAL (
    SELECT r.source, r.reason FROM trading.refused_prices AS r
    WHERE r.token_no = t.token_no AND r.source <> 'funding' AND (p.at IS NULL OR r.at >= p.at)
    ORDER BY r.at DESC LIMIT 1
) AS r ON true
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.ends_at > %(now)s)
  AND NOT EXISTS (SELECT FROM trading.lst_pools AS l WHERE l.lst_token_no = t.token_no)
  AND coalesce(p.at, greatest(t.created_at, c.starts_at)) < %(now)s - %(patience)s::interval
  AND (
      EXISTS (
          SELECT FROM trading.user_balances AS b
          WHERE b.token_no IN (t.token_no, pool.lst_token_no) AND b.balance + b.reserved + b.staked > 0)
      OR EXISTS (SELECT FROM trading.perp_positions AS q WHERE q.token_no = t.token_no AND q.status = 'open'))

-- name: rule_funding_refused
SELECT c.name || '/' || t.symbol AS subject, 'funding-rate' AS job,
       jsonb_build_object(
           'token', t.symbol, 'campaign', c.name,
           'reason', CASE
               WHEN 'price-' || translate(r.reason, '_', '-') = ANY(%(known)s) THEN jsonb_build_object(
                   'id', 'price-' || translate(r.reason, '_', '-'), 'parameters', jsonb_build_object())
               ELSE to_jsonb(r.reason)
           END) AS summary
FROM trading.campaigns AS c
JOIN trading.tokens AS t USING (campaign_no)
CROSS JOIN LATERAL (
    SELECT r.at, r.reason FROM trading.refused_prices AS r
    WHERE r.token_no = t.token_no AND r.source = 'funding' ORDER BY r.at DESC LIMIT 1
) AS r
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.ends_at > %(now)s)
  AND NOT EXISTS (
      SELECT FROM trading.funding_rates AS f WHERE f.token_no = t.token_no AND f.timestamp >= r.at)

-- name: rule_funding_old
SELECT c.name || '/' || t.symbol AS subject, 'funding-rate' AS job,
       jsonb_build_object(
           'token', t.symbol, 'campaign', c.name,
           'since', coalesce(
               to_jsonb(to_char(f.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'),
               jsonb_build_object('id', 'its-beginning', 'parameters', jsonb_build_object()))) AS summary
FROM trading.campaigns AS c
JOIN trading.tokens AS t USING (campaign_no)
CROSS JOIN LATERAL (SELECT max(f.timestamp) AS at FROM trading.funding_rates AS f WHERE f.token_no = t.token_no) AS f
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.ends_at > %(now)s) AND t.perp_max_leverage IS NOT NULL
  AND coalesce(f.at, greatest(t.created_at, c.starts_at)) < %(now)s - %(age)s::interval
