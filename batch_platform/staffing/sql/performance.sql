-- The performance of a week, [begin, end) in Tokyo.

-- name: begin_week
INSERT INTO performance_weeks AS w (week, analysed_at, database) VALUES (%(week)s, %(now)s, %(database)s)
ON CONFLICT (week) DO UPDATE
SET analysed_at = excluded.analysed_at, database = coalesce(w.database, excluded.database);

-- name: clear_figures
DELETE FROM performance_figures WHERE week = %(week)s;

-- name: write_figures
-- percentile_disc is the nearest rank, and passes over requests without a duration
WITH request AS (
    SELECT 'route' AS kind, r.method || ' ' || r.route AS subject, r.status, r.duration_ms
    FROM web.requests AS r WHERE r.at >= %(begin)s AND r.at < %(end)s
    UNION ALL
    SELECT k.kind, CASE k.kind WHEN 'feature' THEN r.feature ELSE r.company_id END, r.status, r.duration_ms
    FROM api_requests AS r CROSS JOIN (VALUES ('feature'), ('company')) AS k (kind)
    WHERE r.at >= %(begin)s AND r.at < %(end)s
)
INSERT INTO performance_figures (week, kind, subject, requests, failed, p50, p95, p99)
SELECT %(week)s, r.kind, r.subject, count(*), count(*) FILTER (WHERE r.status BETWEEN 500 AND 599),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY r.duration_ms),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY r.duration_ms),
       percentile_disc(0.99) WITHIN GROUP (ORDER BY r.duration_ms)
FROM request AS r
GROUP BY r.kind, r.subject;

-- name: end_week
UPDATE performance_weeks SET report_key = %(key)s, report_sha256 = %(sha256)s WHERE week = %(week)s;

-- name: figures
SELECT f.kind, f.subject, f.requests, f.failed, f.p50, f.p95, f.p99,
       b.requests AS requests_before, b.failed AS failed_before,
       b.p50 AS p50_before, b.p95 AS p95_before, b.p99 AS p99_before, c.name AS company
FROM performance_figures AS f
LEFT JOIN performance_figures AS b ON b.week = f.week - 7 AND b.kind = f.kind AND b.subject = f.subject
LEFT JOIN companies AS c ON f.kind = 'company' AND c.company_id = f.subject
WHERE f.week = %(week)s AND (%(kind)s::text IS NULL OR f.kind = %(kind)s)
ORDER BY f.kind, f.requests DESC, f.subject;

-- name: weeks
SELECT w.week, w.analysed_at, w.database, w.report_key, w.report_sha256,
       coalesce(sum(f.requests) FILTER (WHERE f.kind = 'route'), 0)::bigint AS requests,
       coalesce(sum(f.failed) FILTER (WHERE f.kind = 'route'), 0)::bigint AS failed
FROM performance_weeks AS w
LEFT JOIN performance_figures AS f USING (week)
WHERE (%(week)s::date IS NULL OR w.week = %(week)s)
GROUP BY w.week
ORDER BY w.week DESC;

-- name: missing_weeks
-- Mondays from the first one on, whose week is over and was never analysed, oldest first
SELECT d::date AS week
FROM generate_series(%(first)s::date, %(last)s::date, interval '7 days') AS d
WHERE NOT EXISTS (SELECT FROM performance_weeks AS w WHERE w.week = d::date AND w.report_key IS NOT NULL)
ORDER BY d;

-- name: first_request
SELECT least((SELECT min(at) FROM web.requests), (SELECT min(at) FROM api_requests));

-- name: database_counters
SELECT d.stats_reset::text AS stats_reset, d.blks_hit, d.blks_read, d.deadlocks, d.temp_files, d.temp_bytes,
       d.xact_commit, d.xact_rollback,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'table', t.schemaname || '.' || t.relname, 'scans', t.seq_scan, 'rows', t.seq_tup_read,
                   'index_scans', coalesce(t.idx_scan, 0), 'live', t.n_live_tup)
                   ORDER BY t.schemaname, t.relname), '[]')
        FROM pg_stat_user_tables AS t
        WHERE t.seq_scan + coalesce(t.idx_scan, 0) > 0 AND t.schemaname !~ '^pg_') AS tables
FROM pg_stat_database AS d
WHERE d.datname = current_database();

-- name: statements_schema
-- no row where the extension is not installed
SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements';

-- name: slowest_statements
SELECT left(regexp_replace(s.query, '\s+', ' ', 'g'), 200) AS query, s.calls, round(s.total_exec_time)::bigint AS milliseconds
FROM {schema}.pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid AND d.datname = current_database()
ORDER BY s.total_exec_time DESC
LIMIT %(limit)s;
