-- What any database holds, read under one snapshot: the application's and a restored one. Objects of the system, of
-- extensions and of sessions are left out. The session writes values as `store/backup_contents.py` has set it.

-- name: backup_tables
-- the largest first
SELECT format('%%I.%%I', n.nspname, c.relname) AS name
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND (c.relkind = 'r' OR c.relispopulated)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT 1 FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  )
ORDER BY pg_table_size(c.oid) DESC, name;

-- name: backup_table_sum
-- the hash of a row's text sees swapped values, which a hash of the record does not
SELECT count(*) AS rows, coalesce(sum(hashtextextended(row_of_the_table::text, 0)), 0)::text AS sum
FROM {table} AS row_of_the_table;

-- name: backup_sequences
SELECT format('%%I.%%I', schemaname, sequencename) AS name, last_value AS last, increment_by AS step
FROM pg_sequences
WHERE schemaname !~ '^pg_';

-- name: backup_migration
SELECT version_num FROM public.alembic_version;

-- name: backup_schema
-- names, kinds, columns and keys; expressions are left out, whose text may change when they are read again
WITH named AS (
    SELECT c.oid AS id, c.relkind, c.relpersistence, c.reloptions, c.relrowsecurity,
        format('%%I.%%I', n.nspname, c.relname) AS name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
), part AS (
    SELECT name, 0 AS kind, 0 AS place, concat_ws(' ', relkind, relpersistence, reloptions, relrowsecurity) AS text
    FROM named
    UNION ALL
    SELECT name, 1, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum),
        concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            a.atthasdef)
    FROM named
    JOIN pg_attribute AS a ON a.attrelid = id AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT name, 2, 0, concat_ws(' ', i.indrelid::regclass, i.indisunique, i.indisprimary, i.indisvalid,
        i.indnullsnotdistinct, i.indpred IS NOT NULL, i.indexprs IS NOT NULL)
    FROM named
    JOIN pg_index AS i ON i.indexrelid = id
    UNION ALL
    SELECT name, 3, row_number() OVER (PARTITION BY k.conrelid ORDER BY k.conname),
        concat_ws(' ', k.conname, k.contype, k.convalidated, k.condeferrable, k.confrelid::regclass, k.confdeltype)
    FROM named
    JOIN pg_constraint AS k ON k.conrelid = id
    UNION ALL
    SELECT name, 4, row_number() OVER (PARTITION BY t.tgrelid ORDER BY t.tgname),
        concat_ws(' ', t.tgname, t.tgtype, t.tgenabled, t.tgfoid::regprocedure)
    FROM named
    JOIN pg_trigger AS t ON t.tgrelid = id AND NOT t.tgisinternal
    UNION ALL
    SELECT name, 5, row_number() OVER (PARTITION BY p.polrelid ORDER BY p.polname),
        concat_ws(' ', p.polname, p.polcmd, p.polpermissive)
    FROM named
    JOIN pg_policy AS p ON p.polrelid = id
    UNION ALL
    SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), 6, 0,
        concat_ws(' ', p.prokind, p.provolatile, p.proisstrict, p.proparallel, p.prosecdef, p.proconfig,
            pg_get_function_result(p.oid), md5(p.prosrc))
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT format('%%I.%%I', n.nspname, t.typname), 7, 0, concat_ws(' ', t.typtype, t.typnotnull,
        format_type(t.typbasetype, t.typtypmod),
        (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid))
    FROM pg_type AS t
    JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'extension ' || extname, 8, 0, extname FROM pg_extension
)
SELECT name, md5(string_agg(text, E'\n' ORDER BY kind, place, text)) AS digest
FROM part
GROUP BY name;

-- name: backup_is_empty
-- nothing but what every new database has
SELECT NOT EXISTS (
    SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
) AND NOT EXISTS (
    SELECT 1 FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
) AS empty;

-- name: backup_amcheck_there
SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck') AS there;

-- name: backup_check_indexes
-- raises at the first damaged one
SELECT count(bt_index_check(i.indexrelid, true)) AS checked
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS a ON a.oid = c.relam AND a.amname = 'btree'
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't' AND c.relkind = 'i' AND n.nspname <> 'pg_toast' AND i.indisready AND i.indisvalid;
