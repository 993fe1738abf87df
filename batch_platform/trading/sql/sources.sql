-- When the sources of prices may be asked again; by the database's clock, which all machines share.

-- name: take_turn
-- No row where the next turn would come too late: then nothing is taken.
INSERT INTO trading.source_buckets AS known (source, next_at)
VALUES (%(source)s, clock_timestamp() + %(interval)s)
ON CONFLICT (source) DO UPDATE SET next_at = greatest(known.next_at, clock_timestamp()) + %(interval)s
WHERE known.next_at <= clock_timestamp() + %(patience)s
RETURNING greatest(next_at - %(interval)s - clock_timestamp(), interval '0') AS wait

-- name: hold_turns
INSERT INTO trading.source_buckets AS known (source, next_at) VALUES (%(source)s, clock_timestamp() + %(pause)s)
ON CONFLICT (source) DO UPDATE SET next_at = greatest(known.next_at, clock_timestamp() + %(pause)s)
