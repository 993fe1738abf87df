-- What must hold in a campaign beside its books: the funding index, and that nobody is left out.

-- name: moved_books
-- of what was posted within a time: its sum, and what its players have against their orders and stakes of now. That
-- balances are the sum of all postings is the matter of `books`, which reads every posting there is.
WITH moved AS MATERIALIZED (
    SELECT m.user_no, m.token_no, sum(m.wallet + m.reserved + m.staked + m.margin + m.house) AS total
    FROM postings AS m
    WHERE m.campaign_no = %(campaign_no)s AND m.at >= %(since)s AND m.at < %(until)s
    GROUP BY m.user_no, m.token_no
)
SELECT u.id AS user, t.symbol AS token, c.account, c.expected, c.found
FROM moved AS m
JOIN users AS u ON u.user_no = m.user_no
JOIN tokens AS t ON t.token_no = m.token_no
LEFT JOIN user_balances AS b ON b.user_no = m.user_no AND b.token_no = m.token_no
CROSS JOIN LATERAL (
    SELECT coalesce(sum(o.reserved), 0) AS reserved FROM orders AS o
    WHERE o.user_no = m.user_no AND o.token_no = m.token_no AND o.status = 'pending'
) AS o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(v.principal), 0) AS principal FROM investments AS v
    WHERE v.user_no = m.user_no AND v.token_no = m.token_no AND v.status = 'active' AND v.action_type = 'staking'
) AS v
CROSS JOIN LATERAL (
    VALUES ('sum with the house', 0, m.total),
           ('reserved by orders', coalesce(b.reserved, 0), o.reserved),
           ('staked by investments', coalesce(b.staked, 0), v.principal),
           ('not below zero', 0, least(0, b.balance, b.reserved, b.staked))
) AS c (account, expected, found)
WHERE c.expected <> c.found
ORDER BY 1, 2, 3;

-- name: index_differences
-- J of each tick is that of the token's tick before it and rate * price * seconds of what lies between
WITH step AS (
    SELECT p.token_no, t.symbol, p.at, p.price_usd, p.j, lag(p.at) OVER before AS last_at,
           coalesce(lag(p.j) OVER before, 0) AS last_j
    FROM tokens AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(max(b.at), '-infinity') AS at FROM price_ticks AS b
        WHERE b.token_no = t.token_no AND b.at < %(since)s
    ) AS begin
    JOIN price_ticks AS p ON p.token_no = t.token_no AND p.at >= begin.at AND p.at < %(until)s
    WHERE t.campaign_no = %(campaign_no)s
    WINDOW before AS (PARTITION BY p.token_no ORDER BY p.at)
), rate AS (
    SELECT r.token_no, r.rate, r.timestamp AS since,
           coalesce(lead(r.timestamp) OVER (PARTITION BY r.token_no ORDER BY r.timestamp), 'infinity') AS until
    FROM funding_rates AS r
    JOIN tokens AS t ON t.token_no = r.token_no AND t.campaign_no = %(campaign_no)s
)
SELECT s.symbol AS token, s.at, s.j AS kept, trim_scale(s.last_j + s.price_usd * coalesce(f.rate_seconds, 0)) AS follows
FROM step AS s
LEFT JOIN LATERAL (
    SELECT sum(r.rate * extract(epoch FROM least(r.until, s.at) - greatest(r.since, s.last_at))) AS rate_seconds
    FROM rate AS r
    WHERE r.token_no = s.token_no AND r.since < s.at AND r.until > s.last_at
) AS f ON true
WHERE s.at >= %(since)s AND s.j <> s.last_j + s.price_usd * coalesce(f.rate_seconds, 0)
ORDER BY s.symbol, s.at;

-- name: valued_counts
-- players with a baseline by an instant, and in how many ways each of them is accounted for
SELECT count(*) AS players,
       count(*) FILTER (WHERE s.user_no IS NOT NULL) AS complete,
       count(*) FILTER (WHERE i.user_no IS NOT NULL) AS incomplete,
       count(*) FILTER (WHERE (s.user_no IS NULL) = (i.user_no IS NULL)) AS wrong
FROM users AS u
LEFT JOIN portfolio_snapshots AS s ON s.user_no = u.user_no AND s.timestamp = %(at)s
LEFT JOIN incomplete_snapshots AS i ON i.user_no = u.user_no AND i.at = %(at)s
WHERE u.campaign_no = %(campaign_no)s AND u.baseline_at <= %(at)s;
