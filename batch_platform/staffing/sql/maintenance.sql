-- Weekly maintenance: which indexes and tables need it, and what was done and found.

-- name: set_lock_timeout
SELECT set_config('lock_timeout', %(timeout)s, false);

-- name: try_maintenance
SELECT pg_try_advisory_lock(hashtextextended('batch_platform.staffing.maintenance', 0));

-- name: stale_tables
-- a tenth of the rows has changed since they were counted, or they never were
SELECT s.schemaname AS schema, s.relname AS name, s.n_mod_since_analyze AS changes
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid
WHERE c.relpersistence = 'p' AND s.schemaname !~ '^pg_'
  AND (s.n_mod_since_analyze > 50 + s.n_live_tup / 10
       OR (s.last_analyze IS NULL AND s.last_autoanalyze IS NULL AND s.n_live_tup > 0))
ORDER BY s.schemaname, s.relname;

-- name: analyze_table
ANALYZE {table};

-- name: invalid_indexes
-- `is_leftover`: of a rebuilding that did not end; the index itself is still there. Those being built are left alone
SELECT n.nspname AS schema, c.relname AS name, i.indrelid::regclass::text AS table_name,
       c.relname ~ '_cc(new|old)[0-9]*$' AS is_leftover
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.relid = i.indrelid)
ORDER BY is_leftover DESC, n.nspname, c.relname;

-- name: bloated_indexes
-- A B-tree needs for each row a line pointer (4), the tuple's head (8, 16 with a bitmap of NULLs) and its keys, to
-- whole 8 bytes, in pages that lose 24 + 16 bytes to their own heads and are filled to the fillfactor. What is there
-- beyond that is wasted. Inner pages are few and left out; keys that repeat take less room than this says.
WITH key AS (
    SELECT i.indexrelid, i.indrelid, k.attnum, k.place, n.nspname, c.relname, t.relname AS table_name, c.reltuples,
           pg_relation_size(i.indexrelid) AS bytes, current_setting('block_size')::numeric AS page,
           coalesce((SELECT o.option_value FROM pg_options_to_table(c.reloptions) AS o
                     WHERE o.option_name = 'fillfactor'), '90')::numeric / 100 AS filled
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_am AS a ON a.oid = c.relam AND a.amname = 'btree'
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
    WHERE i.indisvalid AND c.relkind = 'i' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND c.reltuples >= 0
      AND pg_relation_size(i.indexrelid) >= %(waste)s
), measured AS (
    SELECT k.indexrelid, k.nspname, k.relname, k.bytes, k.page, k.filled, k.reltuples,
           8 * ceil(sum((1 - s.null_frac) * s.avg_width) / 8) AS width,
           CASE WHEN bool_or(s.null_frac > 0) THEN 16 ELSE 8 END AS head
    FROM key AS k
    LEFT JOIN pg_attribute AS column_ ON column_.attrelid = k.indrelid AND column_.attnum = nullif(k.attnum, 0)
    LEFT JOIN pg_attribute AS expression
        ON expression.attrelid = k.indexrelid AND expression.attnum = k.place AND k.attnum = 0
    LEFT JOIN pg_stats AS s
        ON s.schemaname = k.nspname AND NOT s.inherited
       AND s.tablename = CASE WHEN k.attnum = 0 THEN k.relname ELSE k.table_name END
       AND s.attname = coalesce(column_.attname, expression.attname)
    GROUP BY k.indexrelid, k.nspname, k.relname, k.bytes, k.page, k.filled, k.reltuples
    HAVING count(*) = count(s.avg_width)
), estimated AS (
    SELECT m.*, m.page * (1 + ceil(m.reltuples * (4 + m.head + m.width) / ((m.page - 40) * m.filled))) AS needed
    FROM measured AS m
)
SELECT e.nspname AS schema, e.relname AS name, e.bytes, (e.bytes - e.needed)::bigint AS wasted
FROM estimated AS e
WHERE e.bytes - e.needed >= %(waste)s AND e.bytes - e.needed >= e.bytes * %(share)s
ORDER BY wasted DESC, e.nspname, e.relname;

-- name: reindex
REINDEX INDEX CONCURRENTLY {index};

-- name: drop_index
DROP INDEX CONCURRENTLY IF EXISTS {index};

-- name: begin_maintenance
INSERT INTO maintenance_runs (job, partition, started_at) VALUES (%(job)s, %(partition)s, %(now)s)
ON CONFLICT (job, partition) DO UPDATE SET started_at = excluded.started_at, finished_at = NULL;

-- name: add_deeds
UPDATE maintenance_runs SET deeds = deeds || %(deeds)s WHERE job = %(job)s AND partition = %(partition)s;

-- name: end_maintenance
UPDATE maintenance_runs SET finished_at = %(now)s WHERE job = %(job)s AND partition = %(partition)s;

-- name: clear_maintenance_findings
DELETE FROM maintenance_findings WHERE job = %(job)s AND partition = %(partition)s;

-- name: write_maintenance_findings
INSERT INTO maintenance_findings (job, partition, kind, subject, severity, what, to_do, found_at)
SELECT %(job)s, %(partition)s, f.kind, f.subject, f.severity, f.what, f.to_do, %(now)s
FROM jsonb_to_recordset(%(findings)s) AS f (kind text, subject text, severity text, what jsonb, to_do jsonb);

-- name: maintenance_runs
SELECT r.job, r.partition, r.started_at, r.finished_at, r.deeds,
       (SELECT count(*) FROM maintenance_findings AS f WHERE f.job = r.job AND f.partition = r.partition) AS findings
FROM maintenance_runs AS r
WHERE (%(job)s::text IS NULL OR r.job = %(job)s)
ORDER BY r.partition DESC, r.job;

-- name: maintenance_findings
-- those of each job's newest run, unless another is named; the worst first
SELECT f.job, f.partition, f.kind, f.subject, f.severity, f.what::text, f.to_do::text, f.found_at
FROM maintenance_findings AS f
WHERE (%(job)s::text IS NULL OR f.job = %(job)s)
  AND (%(severity)s::text IS NULL OR f.severity = %(severity)s)
  AND f.partition = coalesce(
      %(partition)s::date, (SELECT max(r.partition) FROM maintenance_runs AS r WHERE r.job = f.job))
ORDER BY array_position('{critical,warning,info}'::text[], f.severity), f.partition DESC, f.kind, f.subject;

-- name: rule_maintenance_finding
-- of each weekly job's newest run what cannot wait
SELECT f.kind || ' ' || f.subject AS subject,
       CASE f.job WHEN 'maintenance' THEN 'weekly-maintenance' ELSE 'weekly-performance-analysis' END AS job,
       jsonb_build_object('kind', f.kind, 'subject', f.subject, 'what', f.what, 'remedy', f.to_do) AS summary
FROM staffing.maintenance_findings AS f
WHERE f.severity = 'critical'
  AND f.partition = (SELECT max(r.partition) FROM staffing.maintenance_runs AS r WHERE r.job = f.job)
