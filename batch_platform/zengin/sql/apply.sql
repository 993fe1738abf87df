-- The guarded apply, in the order of its statements; all of them run in one transaction.

-- name: lock_apply
-- one apply at a time, in any process
SELECT pg_advisory_xact_lock(hashtextextended('zengin apply', 0))

-- name: lock_master
-- nobody writes the master between the base check and the commit; readers go on
LOCK TABLE zengin.banks, zengin.branches IN SHARE ROW EXCLUSIVE MODE

-- name: set_business_date
-- in this transaction also: sorts stay in memory, samples of the stage are small
SELECT set_config('zengin.business_date', %(business_date)s::date::text, true),
       set_config('work_mem', '64MB', true), set_config('default_statistics_target', '10', true)

-- name: forget_business_date
SELECT set_config('zengin.business_date', '', true)

-- name: create_staged
CREATE TEMPORARY TABLE zengin_staged (
    diff_id      text NOT NULL,
    table_name   text NOT NULL,
    record_id    text NOT NULL,
    bank_code    char(4) NOT NULL,
    branch_code  char(3),
    diff_type    text NOT NULL,
    old_name     text,
    old_kana     text,
    old_hira     text,
    old_roma     text,
    new_name     text,
    new_kana     text,
    new_hira     text,
    new_roma     text,
    base_hash    text,
    new_hash     text,
    search       text
) ON COMMIT DROP

-- name: analyze_staged
ANALYZE zengin_staged (diff_id, table_name, bank_code, branch_code, diff_type)

-- name: judge_staged
-- each row against the master as it is now: what may be written, what is done already, what is in the way
CREATE TEMPORARY TABLE zengin_judged ON COMMIT DROP AS
WITH compared AS (
    SELECT staged.*, bank.bank_code AS found_code, bank.bank_name AS found_name,
           coalesce(bank.bank_kana, '') AS found_kana, coalesce(bank.bank_hira, '') AS found_hira,
           coalesce(bank.bank_roma, '') AS found_roma
    FROM zengin_staged AS staged
    LEFT JOIN zengin.banks AS bank USING (bank_code)
    WHERE staged.table_name = 'banks'
    UNION ALL
    SELECT staged.*, branch.bank_code, branch.branch_name, coalesce(branch.branch_kana, ''),
           coalesce(branch.branch_hira, ''), coalesce(branch.branch_roma, '')
    FROM zengin_staged AS staged
    LEFT JOIN zengin.branches AS branch USING (bank_code, branch_code)
    WHERE staged.table_name = 'branches'
)
SELECT compared.*,
       CASE
           WHEN done.diff_id IS NOT NULL THEN 'already'
           WHEN compared.diff_type = 'addition' THEN CASE
               WHEN found_code IS NULL THEN 'applied'
               WHEN (found_name, found_kana, found_hira, found_roma)
                    IS NOT DISTINCT FROM (new_name, new_kana, new_hira, new_roma) THEN 'already'
               ELSE 'conflict' END
           WHEN (found_name, found_kana, found_hira, found_roma)
                IS NOT DISTINCT FROM (old_name, old_kana, old_hira, old_roma) THEN 'applied'
           ELSE 'conflict' END AS outcome,
       CASE
           WHEN compared.diff_type = 'addition' THEN 'exists'
           WHEN found_code IS NULL THEN 'missing'
           ELSE 'changed' END AS reason
FROM compared
LEFT JOIN (
    -- by index: what was applied before is much, what of it is these records' is nothing or a few rows
    SELECT diff_id, table_name, record_id FROM zengin.change_history
    WHERE diff_id = ANY(ARRAY(SELECT DISTINCT diff_id FROM zengin_staged))
) AS done
    ON done.diff_id = compared.diff_id AND done.table_name = compared.table_name
    AND done.record_id = compared.record_id

-- name: analyze_judged
ANALYZE zengin_judged (table_name, diff_type, outcome, bank_code, branch_code)

-- name: await_banks
-- a branch comes after its bank, and never to a bank that nobody has approved
UPDATE zengin_judged SET outcome = 'waiting', reason = 'no_bank'
WHERE table_name = 'branches' AND diff_type = 'addition' AND outcome = 'applied'
  AND bank_code NOT IN (
      SELECT bank_code FROM zengin.banks
      UNION ALL
      SELECT bank_code FROM zengin_judged
      WHERE table_name = 'banks' AND diff_type = 'addition' AND outcome = 'applied')

-- name: await_branches
-- a bank goes when its last branch has gone
UPDATE zengin_judged SET outcome = 'waiting', reason = 'has_branches'
WHERE table_name = 'banks' AND diff_type = 'deletion' AND outcome = 'applied'
  AND bank_code IN (
      SELECT branch.bank_code
      FROM zengin.branches AS branch
      JOIN zengin_judged AS closing USING (bank_code)
      WHERE closing.table_name = 'banks' AND closing.diff_type = 'deletion' AND closing.outcome = 'applied'
        AND NOT EXISTS (
            SELECT FROM zengin_judged AS going
            WHERE going.table_name = 'branches' AND going.diff_type = 'deletion' AND going.outcome = 'applied'
              AND going.bank_code = branch.bank_code AND going.branch_code = branch.branch_code)
      UNION ALL
      SELECT bank_code FROM zengin_judged
      WHERE table_name = 'branches' AND diff_type = 'addition' AND outcome = 'applied')

-- name: judged_counts
SELECT table_name, diff_type, outcome, count(*) AS rows
FROM zengin_judged
GROUP BY table_name, diff_type, outcome

-- name: apply_banks_addition
INSERT INTO zengin.banks (
    bank_code, bank_name, bank_kana, bank_hira, bank_roma, search, created_at, updated_at)
SELECT bank_code, new_name, new_kana, new_hira, new_roma, search, %(now)s, %(now)s
FROM zengin_judged
WHERE table_name = 'banks' AND diff_type = 'addition' AND outcome = 'applied'
ORDER BY bank_code

-- name: apply_banks_update
UPDATE zengin.banks AS bank SET
    bank_name = judged.new_name, bank_kana = judged.new_kana, bank_hira = judged.new_hira,
    bank_roma = judged.new_roma, search = judged.search, updated_at = %(now)s
FROM zengin_judged AS judged
WHERE judged.table_name = 'banks' AND judged.diff_type = 'update' AND judged.outcome = 'applied'
  AND bank.bank_code = judged.bank_code

-- name: apply_branches_addition
INSERT INTO zengin.branches (
    bank_code, branch_code, branch_name, branch_kana, branch_hira, branch_roma, search, created_at, updated_at)
SELECT bank_code, branch_code, new_name, new_kana, new_hira, new_roma, search, %(now)s, %(now)s
FROM zengin_judged
WHERE table_name = 'branches' AND diff_type = 'addition' AND outcome = 'applied'
ORDER BY bank_code, branch_code

-- name: apply_branches_update
UPDATE zengin.branches AS branch SET
    branch_name = judged.new_name, branch_kana = judged.new_kana, branch_hira = judged.new_hira,
    branch_roma = judged.new_roma, search = judged.search, updated_at = %(now)s
FROM zengin_judged AS judged
WHERE judged.table_name = 'branches' AND judged.diff_type = 'update' AND judged.outcome = 'applied'
  AND branch.bank_code = judged.bank_code AND branch.branch_code = judged.branch_code

-- name: apply_branches_deletion
DELETE FROM zengin.branches AS branch
USING zengin_judged AS judged
WHERE judged.table_name = 'branches' AND judged.diff_type = 'deletion' AND judged.outcome = 'applied'
  AND branch.bank_code = judged.bank_code AND branch.branch_code = judged.branch_code

-- name: apply_banks_deletion
DELETE FROM zengin.banks AS bank
USING zengin_judged AS judged
WHERE judged.table_name = 'banks' AND judged.diff_type = 'deletion' AND judged.outcome = 'applied'
  AND bank.bank_code = judged.bank_code

-- name: insert_history
INSERT INTO zengin.change_history (
    diff_id, changeset_id, operation_type, table_name, record_id, old_values, new_values, base_hash, new_hash,
    business_date, executed_at)
SELECT diff_id, %(changeset_id)s, diff_type, table_name, record_id,
       CASE
           WHEN diff_type = 'addition' THEN NULL
           WHEN table_name = 'banks' THEN jsonb_build_object(
               'bank_code', bank_code, 'bank_name', old_name, 'bank_kana', old_kana, 'bank_hira', old_hira,
               'bank_roma', old_roma)
           ELSE jsonb_build_object(
               'bank_code', bank_code, 'branch_code', branch_code, 'branch_name', old_name, 'branch_kana', old_kana,
               'branch_hira', old_hira, 'branch_roma', old_roma) END,
       CASE
           WHEN diff_type = 'deletion' THEN NULL
           WHEN table_name = 'banks' THEN jsonb_build_object(
               'bank_code', bank_code, 'bank_name', new_name, 'bank_kana', new_kana, 'bank_hira', new_hira,
               'bank_roma', new_roma)
           ELSE jsonb_build_object(
               'bank_code', bank_code, 'branch_code', branch_code, 'branch_name', new_name, 'branch_kana', new_kana,
               'branch_hira', new_hira, 'branch_roma', new_roma) END,
       base_hash, new_hash, %(business_date)s, %(now)s
FROM zengin_judged
WHERE outcome = 'applied'
-- in the order in which they were written
ORDER BY diff_type = 'deletion', (table_name = 'banks') = (diff_type = 'deletion'), bank_code, branch_code

-- name: save_conflicts
INSERT INTO zengin.conflicts (diff_id, table_name, record_id, changeset_id, reason, found, found_at)
SELECT diff_id, table_name, record_id, %(changeset_id)s, reason,
       CASE
           WHEN found_code IS NULL THEN NULL
           ELSE jsonb_build_object('name', found_name, 'kana', found_kana, 'hira', found_hira, 'roma', found_roma)
       END, %(now)s
FROM zengin_judged
WHERE outcome = 'conflict'
ON CONFLICT (diff_id, table_name, record_id) DO UPDATE SET
    reason = excluded.reason, found = excluded.found, found_at = excluded.found_at

-- name: settle_conflicts
-- what could be applied at last is in nobody's way any more
DELETE FROM zengin.conflicts AS known
USING zengin_judged AS judged
WHERE judged.outcome IN ('applied', 'already') AND known.diff_id = judged.diff_id
  AND known.table_name = judged.table_name AND known.record_id = judged.record_id

-- name: outcomes
SELECT diff_id, table_name AS "table", record_id AS key, diff_type, outcome,
       CASE WHEN outcome IN ('conflict', 'waiting') THEN reason END AS reason
FROM zengin_judged

-- name: drop_staged
DROP TABLE zengin_staged, zengin_judged
