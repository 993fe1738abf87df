-- The database's health: a row for each thing that passes its bound.

-- name: health_connections
SELECT u.used, current_setting('max_connections')::integer AS allowed
FROM (SELECT count(*)::integer AS used FROM pg_stat_activity WHERE backend_type = 'client backend') AS u;

-- name: health_replication_slots
SELECT s.slot_name AS name, s.active,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS bytes
FROM pg_replication_slots AS s
WHERE NOT s.active OR pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) > %(bytes)s
ORDER BY s.slot_name;

-- name: health_transactions
-- since the server's own moments: its clock counts
SELECT a.pid::text AS name, coalesce(a.application_name, '') AS application, a.xact_start AS since, a.state,
       floor(extract(epoch FROM clock_timestamp() - a.xact_start) / 60)::integer AS minutes
FROM pg_stat_activity AS a
WHERE a.xact_start < clock_timestamp() - %(age)s::interval AND a.datname = current_database()
  AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
UNION ALL
SELECT p.gid, 'prepared', p.prepared, 'prepared',
       floor(extract(epoch FROM clock_timestamp() - p.prepared) / 60)::integer
FROM pg_prepared_xacts AS p
WHERE p.prepared < clock_timestamp() - %(age)s::interval AND p.database = current_database()
ORDER BY name;

-- name: health_dead_rows
SELECT format('%%I.%%I', s.schemaname, s.relname) AS name, s.n_dead_tup AS dead, s.n_live_tup AS live
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid
WHERE c.relpersistence = 'p' AND s.n_dead_tup >= %(rows)s AND s.n_dead_tup >= s.n_live_tup * %(share)s
ORDER BY s.schemaname, s.relname;

-- name: health_sequences
-- a sequence also ends where the column that takes its numbers does
SELECT format('%%I.%%I', n.nspname, c.relname) AS name, r.last_value AS last, least(s.seqmax, t.largest) AS largest
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_sequences AS r ON r.schemaname = n.nspname AND r.sequencename = c.relname
LEFT JOIN pg_depend AS d
    ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN (VALUES ('int2'::regtype, 32767), ('int4'::regtype, 2147483647)) AS t (type, largest) ON t.type = a.atttypid
WHERE c.relpersistence = 'p' AND NOT s.seqcycle AND s.seqincrement > 0
  AND r.last_value >= least(s.seqmax, t.largest) * %(share)s
ORDER BY name;

-- name: health_constraints
SELECT format('%%I.%%I', n.nspname, t.relname) AS table_name, k.conname AS name
FROM pg_constraint AS k
JOIN pg_class AS t ON t.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE NOT k.convalidated AND n.nspname !~ '^pg_'
ORDER BY table_name, name;

-- name: health_freeze
-- beyond 2³¹ transactions without VACUUM a database takes no more writes
SELECT d.datname AS name, age(d.datfrozenxid)::bigint AS transactions
FROM pg_database AS d
WHERE d.datallowconn AND age(d.datfrozenxid) >= %(transactions)s
ORDER BY d.datname;

-- name: health_backup
SELECT max(verified_at) AS verified_at FROM backups;
