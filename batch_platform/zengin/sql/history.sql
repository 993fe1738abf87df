-- What was applied, and what was not.

-- name: history
-- jsonb keys differ by table; frames call them by their short names
SELECT diff_id, table_name AS "table", record_id AS key, left(record_id, 4) AS bank_code,
       nullif(substr(record_id, 6), '') AS branch_code, operation_type AS diff_type,
       coalesce(old_values ->> 'branch_name', old_values ->> 'bank_name') AS old_name,
       coalesce(old_values ->> 'branch_kana', old_values ->> 'bank_kana') AS old_kana,
       coalesce(old_values ->> 'branch_hira', old_values ->> 'bank_hira') AS old_hira,
       coalesce(old_values ->> 'branch_roma', old_values ->> 'bank_roma') AS old_roma,
       coalesce(new_values ->> 'branch_name', new_values ->> 'bank_name') AS new_name,
       coalesce(new_values ->> 'branch_kana', new_values ->> 'bank_kana') AS new_kana,
       coalesce(new_values ->> 'branch_hira', new_values ->> 'bank_hira') AS new_hira,
       coalesce(new_values ->> 'branch_roma', new_values ->> 'bank_roma') AS new_roma,
       base_hash, new_hash
FROM zengin.change_history
WHERE changeset_id = %(changeset_id)s
ORDER BY id

-- name: history_page
SELECT id, diff_id, changeset_id, operation_type, table_name, record_id, old_values, new_values, business_date,
       executed_at
FROM zengin.change_history
WHERE (%(changeset_id)s::text IS NULL OR changeset_id = %(changeset_id)s)
  AND (%(key)s::text IS NULL OR record_id = %(key)s)
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: history_counts
SELECT changeset_id, table_name, operation_type, count(*) AS rows
FROM zengin.change_history
WHERE changeset_id = ANY(%(changeset_ids)s)
GROUP BY changeset_id, table_name, operation_type

-- name: history_by_day
SELECT business_date, table_name, operation_type, count(*) AS rows
FROM zengin.change_history
WHERE business_date >= %(since)s
GROUP BY business_date, table_name, operation_type
ORDER BY business_date, table_name, operation_type

-- name: recent_applied
SELECT DISTINCT table_name AS "table", record_id AS key, base_hash, new_hash
FROM zengin.change_history
WHERE business_date > %(since)s
  AND changeset_id NOT IN (SELECT id FROM zengin.changesets WHERE base_content_hash = %(empty_master)s)

-- name: conflicts
SELECT diff_id, changeset_id, table_name, record_id, reason, found, found_at
FROM zengin.conflicts
WHERE changeset_id = %(changeset_id)s
  AND (%(after_table)s::text IS NULL
       OR (table_name, record_id, diff_id) > (%(after_table)s, %(after_key)s::text, %(after_id)s::text))
ORDER BY table_name, record_id, diff_id
LIMIT %(limit)s

-- name: purge_history
DELETE FROM zengin.change_history WHERE executed_at < %(before)s

-- name: count_history_before
SELECT count(*) AS rows FROM zengin.change_history WHERE executed_at < %(before)s
