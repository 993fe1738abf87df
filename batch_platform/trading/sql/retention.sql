-- Thinning of snapshots: of each player the newest row of a bucket stays. A bucket never leaves its UTC day.

-- name: lock_history
-- who writes or thins snapshots of the past stands alone
SELECT pg_advisory_xact_lock(hashtextextended('batch_platform.trading.history', %(campaign_no)s));

-- name: thin_day
-- why there was no row goes where a later row of its bucket stays; elsewhere it tells charts that there is none
WITH followed AS (
    SELECT s.user_no, s.timestamp, lead(s.timestamp) OVER (PARTITION BY s.user_no ORDER BY s.timestamp) AS next
    FROM portfolio_snapshots AS s
    WHERE s.campaign_no = %(campaign_no)s AND s.timestamp >= %(begin)s AND s.timestamp < %(end)s
), made_up_for AS (
    DELETE FROM incomplete_snapshots AS i
    USING followed AS f
    WHERE i.campaign_no = %(campaign_no)s AND i.at >= %(begin)s AND i.at < %(end)s
      AND f.user_no = i.user_no AND f.timestamp > i.at
      AND date_bin(%(bucket)s, f.timestamp, %(begin)s) = date_bin(%(bucket)s, i.at, %(begin)s)
)
DELETE FROM portfolio_snapshots AS s
USING followed AS f
WHERE s.user_no = f.user_no AND s.timestamp = f.timestamp AND s.timestamp >= %(begin)s AND s.timestamp < %(end)s
  AND date_bin(%(bucket)s, f.timestamp, %(begin)s) = date_bin(%(bucket)s, f.next, %(begin)s);

-- name: surplus_of_day
SELECT count(*)
FROM (
    SELECT s.timestamp, lead(s.timestamp) OVER (PARTITION BY s.user_no ORDER BY s.timestamp) AS next
    FROM portfolio_snapshots AS s
    WHERE s.campaign_no = %(campaign_no)s AND s.timestamp >= %(begin)s AND s.timestamp < %(end)s
) AS f
WHERE date_bin(%(bucket)s, f.timestamp, %(begin)s) = date_bin(%(bucket)s, f.next, %(begin)s);

-- name: clear_looks
-- their refusals go with them
DELETE FROM price_fetches WHERE campaign_no = %(campaign_no)s AND at < %(before)s;

-- name: clear_refusals
-- of prices that came with no look of their own
DELETE FROM refused_prices AS r
USING tokens AS t
WHERE t.token_no = r.token_no AND t.campaign_no = %(campaign_no)s AND r.fetch_no IS NULL AND r.at < %(before)s;

-- name: old_looks
SELECT count(*) FROM price_fetches WHERE campaign_no = %(campaign_no)s AND at < %(before)s;

-- name: mark_thinned
UPDATE campaigns SET thinned_to = greatest(thinned_to, %(before)s) WHERE campaign_no = %(campaign_no)s;

-- name: day_partitions
SELECT c.relname AS name
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'trading.portfolio_snapshots'::regclass
  AND c.relname < 'portfolio_snapshots_' || to_char(%(before)s::date, 'YYYYMMDD')
ORDER BY c.relname;

-- name: is_partition
SELECT to_regclass(%(name)s) IS NOT NULL;

-- name: is_partition_empty
SELECT NOT EXISTS (SELECT FROM {partition});

-- name: lock_partition
-- the whole table first, as whoever reads it does: dropping a part needs both
LOCK TABLE ONLY trading.portfolio_snapshots, {partition} IN ACCESS EXCLUSIVE MODE;

-- name: drop_partition
DROP TABLE {partition};
