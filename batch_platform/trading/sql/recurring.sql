-- What recurs in live campaigns, by hours, days and weeks: which of it is still to be done.

-- name: missing_hours
-- From the first baseline on. The last hour is the one that a campaign ends in or at: its snapshot is that of the end.
SELECT DISTINCT h.hour
FROM campaigns AS c
CROSS JOIN LATERAL (
    SELECT date_trunc('hour', min(u.baseline_at) + interval '59 minutes 59 seconds', 'UTC') AS first,
           date_trunc('hour', c.ends_at + interval '59 minutes 59 seconds', 'UTC') AS last
    FROM users AS u WHERE u.campaign_no = c.campaign_no
) AS r
CROSS JOIN LATERAL generate_series(r.first, least(%(until)s, r.last), interval '1 hour') AS h (hour)
WHERE c.kind = 'live'
  AND NOT EXISTS (
      SELECT FROM snapshot_instants AS n WHERE n.campaign_no = c.campaign_no AND n.at = least(h.hour, c.ends_at))
ORDER BY h.hour;

-- name: instants_of_hour
SELECT c.campaign_no, c.name, e.at, count(u.user_no) AS players,
       EXISTS (SELECT FROM snapshot_instants AS n WHERE n.campaign_no = c.campaign_no AND n.at = e.at) AS is_taken
FROM campaigns AS c
CROSS JOIN LATERAL (SELECT least(%(hour)s, c.ends_at) AS at) AS e
JOIN users AS u ON u.campaign_no = c.campaign_no AND u.baseline_at <= e.at
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.ends_at > %(hour)s::timestamptz - interval '1 hour')
GROUP BY c.campaign_no, e.at
ORDER BY c.campaign_no;

-- name: first_day_of_all
-- the first day of campaigns that have not accrued all of theirs; a day that begins after the end is none
SELECT (min(u.created_at) AT TIME ZONE 'UTC')::date
FROM campaigns AS c
JOIN users AS u ON u.campaign_no = c.campaign_no
WHERE c.kind = 'live' AND (c.ends_at IS NULL OR c.day < (c.ends_at AT TIME ZONE 'UTC')::date);

-- name: thinned_as_of
-- the day that all campaigns have been thinned as of; where one never was, the day before its first snapshot
SELECT min(coalesce((c.thinned_to + %(whole)s) AT TIME ZONE 'UTC', n.first AT TIME ZONE 'UTC' - interval '1 day')::date)
FROM campaigns AS c
CROSS JOIN LATERAL (SELECT min(n.at) AS first FROM snapshot_instants AS n WHERE n.campaign_no = c.campaign_no) AS n
WHERE c.kind = 'live' AND n.first IS NOT NULL;
