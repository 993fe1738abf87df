-- Interest and the rates of liquid staking: a step for each UTC day that has ended.

-- name: first_day
-- the day of a campaign's first instant: liquid staking begins at the rates of its pools
WITH begun AS (
    UPDATE campaigns SET day = %(day)s WHERE campaign_no = %(campaign_no)s AND day IS NULL RETURNING campaign_no
)
INSERT INTO lst_rates (lst_token_no, day, exchange_rate)
SELECT p.lst_token_no, %(day)s, p.exchange_rate
FROM begun
JOIN tokens AS t USING (campaign_no)
JOIN lst_pools AS p ON p.base_token_no = t.token_no
ON CONFLICT DO NOTHING;

-- name: end_day
-- K and X of the next day: K + rate, and down to 18 decimals X * (36500 + rate) / 36500
WITH ended AS (
    UPDATE campaigns SET day = %(day)s::date + 1
    WHERE campaign_no = %(campaign_no)s AND day = %(day)s
    RETURNING campaign_no
), rate AS (
    SELECT DISTINCT ON (t.token_no, r.action_type) t.token_no, r.action_type, r.interest_rate
    FROM ended
    JOIN tokens AS t USING (campaign_no)
    JOIN interest_rates AS r ON r.token_no = t.token_no AND r.effective_date <= %(day)s
    ORDER BY t.token_no, r.action_type, r.effective_date DESC
), accrued AS (
    INSERT INTO interest_index (token_no, day, k)
    SELECT r.token_no, %(day)s::date + 1, coalesce(k.k, 0) + r.interest_rate
    FROM rate AS r
    LEFT JOIN interest_index AS k ON k.token_no = r.token_no AND k.day = %(day)s
    WHERE r.action_type = 'staking'
)
INSERT INTO lst_rates (lst_token_no, day, exchange_rate)
SELECT p.lst_token_no, %(day)s::date + 1,
       trim_scale(floor_quotient(x.exchange_rate * (36500 + coalesce(r.interest_rate, 0)), 36500))
FROM ended
JOIN tokens AS t USING (campaign_no)
JOIN lst_pools AS p ON p.base_token_no = t.token_no
JOIN lst_rates AS x ON x.lst_token_no = p.lst_token_no AND x.day = %(day)s
LEFT JOIN rate AS r ON r.token_no = p.base_token_no AND r.action_type = 'liquid_staking';
