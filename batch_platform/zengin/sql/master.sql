-- The master as it is, as it was on a business date, and searched.

-- name: banks_now
SELECT bank_code, bank_name, coalesce(bank_kana, '') AS bank_kana, coalesce(bank_hira, '') AS bank_hira,
       coalesce(bank_roma, '') AS bank_roma
FROM zengin.banks
ORDER BY bank_code

-- name: branches_now
SELECT bank_code, branch_code, branch_name, coalesce(branch_kana, '') AS branch_kana,
       coalesce(branch_hira, '') AS branch_hira, coalesce(branch_roma, '') AS branch_roma
FROM zengin.branches
ORDER BY bank_code, branch_code

-- name: banks_then
SELECT bank_code, bank_name, coalesce(bank_kana, '') AS bank_kana, coalesce(bank_hira, '') AS bank_hira,
       coalesce(bank_roma, '') AS bank_roma
FROM zengin.bank_history
WHERE valid_from <= %(as_of)s AND (valid_to IS NULL OR valid_to > %(as_of)s)
ORDER BY bank_code

-- name: branches_then
SELECT bank_code, branch_code, branch_name, coalesce(branch_kana, '') AS branch_kana,
       coalesce(branch_hira, '') AS branch_hira, coalesce(branch_roma, '') AS branch_roma
FROM zengin.branch_history
WHERE valid_from <= %(as_of)s AND (valid_to IS NULL OR valid_to > %(as_of)s)
ORDER BY bank_code, branch_code

-- name: sizes
SELECT (SELECT count(*) FROM zengin.banks) AS banks, (SELECT count(*) FROM zengin.branches) AS branches,
       (SELECT count(*) FROM zengin.branches AS branch
        WHERE NOT EXISTS (SELECT FROM zengin.banks AS bank WHERE bank.bank_code = branch.bank_code)) AS orphans

-- name: banks_page
-- a bank is found by any name it ever had; `matched` is the old name, where only that one was meant. First come those
-- whose name or kana is what was asked for (`phrase`: all of it as one word), then those that have all its words.
WITH found AS (
    SELECT bank.bank_code, bank.bank_name, coalesce(bank.bank_kana, '') AS bank_kana,
           coalesce(bank.bank_hira, '') AS bank_hira, coalesce(bank.bank_roma, '') AS bank_roma,
           bank.valid_from, bank.valid_to, former.bank_name AS matched,
           %(phrase)s = bank.bank_code OR %(phrase)s = ANY(string_to_array(bank.search, ' ')) AS exact
    FROM zengin.bank_history AS bank
    CROSS JOIN LATERAL (
        SELECT strpos(coalesce(bank.search, lower(bank.bank_name)), %(phrase)s) > 0 OR NOT EXISTS (
            SELECT FROM unnest(%(terms)s::text[]) AS term
            WHERE strpos(coalesce(bank.search, lower(bank.bank_name)), term) = 0 AND bank.bank_code <> term) AS is_meant
    ) AS own
    LEFT JOIN LATERAL (
        SELECT old.bank_name FROM zengin.bank_history AS old
        WHERE NOT own.is_meant AND old.bank_code = bank.bank_code AND old.valid_to IS NOT NULL
          AND (strpos(coalesce(old.search, lower(old.bank_name)), %(phrase)s) > 0 OR NOT EXISTS (
              SELECT FROM unnest(%(terms)s::text[]) AS term
              WHERE strpos(coalesce(old.search, lower(old.bank_name)), term) = 0 AND old.bank_code <> term))
        ORDER BY old.valid_to DESC LIMIT 1
    ) AS former ON true
    WHERE (own.is_meant OR former.bank_name IS NOT NULL)
      AND bank.valid_from <= coalesce(%(as_of)s::date, 'infinity')
      AND (bank.valid_to IS NULL OR bank.valid_to > coalesce(%(as_of)s::date, 'infinity'))
)
SELECT bank_code, bank_name, bank_kana, bank_hira, bank_roma, valid_from, valid_to, matched
FROM found
WHERE %(after)s::char(4) IS NULL
   OR (NOT coalesce(exact, false), bank_code)
      > (coalesce((SELECT NOT last.exact FROM found AS last WHERE last.bank_code = %(after)s::char(4)), true),
         %(after)s::char(4))
ORDER BY NOT coalesce(exact, false), bank_code
LIMIT %(limit)s

-- name: branches_page
WITH found AS (
    SELECT branch.bank_code, branch.branch_code, branch.branch_name, coalesce(branch.branch_kana, '') AS branch_kana,
           coalesce(branch.branch_hira, '') AS branch_hira, coalesce(branch.branch_roma, '') AS branch_roma,
           branch.valid_from, branch.valid_to, former.branch_name AS matched,
           %(phrase)s = branch.branch_code OR %(phrase)s = ANY(string_to_array(branch.search, ' ')) AS exact
    FROM zengin.branch_history AS branch
    CROSS JOIN LATERAL (
        SELECT strpos(coalesce(branch.search, lower(branch.branch_name)), %(phrase)s) > 0 OR NOT EXISTS (
            SELECT FROM unnest(%(terms)s::text[]) AS term
            WHERE strpos(coalesce(branch.search, lower(branch.branch_name)), term) = 0
              AND branch.branch_code <> term) AS is_meant
    ) AS own
    LEFT JOIN LATERAL (
        SELECT old.branch_name FROM zengin.branch_history AS old
        WHERE NOT own.is_meant AND old.bank_code = branch.bank_code AND old.branch_code = branch.branch_code
          AND old.valid_to IS NOT NULL
          AND (strpos(coalesce(old.search, lower(old.branch_name)), %(phrase)s) > 0 OR NOT EXISTS (
              SELECT FROM unnest(%(terms)s::text[]) AS term
              WHERE strpos(coalesce(old.search, lower(old.branch_name)), term) = 0 AND old.branch_code <> term))
        ORDER BY old.valid_to DESC LIMIT 1
    ) AS former ON true
    WHERE branch.bank_code = %(bank_code)s
      AND (own.is_meant OR former.branch_name IS NOT NULL)
      AND branch.valid_from <= coalesce(%(as_of)s::date, 'infinity')
      AND (branch.valid_to IS NULL OR branch.valid_to > coalesce(%(as_of)s::date, 'infinity'))
)
SELECT bank_code, branch_code, branch_name, branch_kana, branch_hira, branch_roma, valid_from, valid_to, matched
FROM found
WHERE %(after)s::char(3) IS NULL
   OR (NOT coalesce(exact, false), branch_code)
      > (coalesce((SELECT NOT last.exact FROM found AS last WHERE last.branch_code = %(after)s::char(3)), true),
         %(after)s::char(3))
ORDER BY NOT coalesce(exact, false), branch_code
LIMIT %(limit)s

-- name: search_page
-- banks, then branches, by every name they have or had, gone ones too; a branch also by its bank's name; of those that
-- stand first the ones that are called so
WITH named AS (
    SELECT bank_code, ''::bpchar AS branch_code, bank_name, ''::text AS branch_name,
           coalesce(bank_kana, '') AS kana, valid_from, valid_to,
           coalesce(search, lower(bank_name)) || ' ' || bank_code AS text,
           NOT coalesce(%(phrase)s = ANY(string_to_array(search, ' ')), false) AS other
    FROM zengin.bank_history
    UNION ALL
    SELECT branch.bank_code, branch.branch_code, bank.bank_name, branch.branch_name,
           coalesce(branch.branch_kana, ''), branch.valid_from, branch.valid_to,
           coalesce(branch.search, lower(branch.branch_name)) || ' ' || branch.bank_code || '-' || branch.branch_code
               || ' ' || coalesce(bank.search, lower(bank.bank_name), ''),
           NOT coalesce(%(phrase)s = ANY(string_to_array(branch.search, ' ')), false)
    FROM zengin.branch_history AS branch
    LEFT JOIN LATERAL (
        SELECT bank_name, search FROM zengin.bank_history AS bank
        WHERE bank.bank_code = branch.bank_code
        ORDER BY valid_to DESC NULLS FIRST LIMIT 1
    ) AS bank ON true
)
SELECT bank_code, branch_code, bank_name, branch_name, kana, valid_from, valid_to, other
FROM named
WHERE (strpos(named.text, %(phrase)s) > 0
       OR NOT EXISTS (SELECT FROM unnest(%(terms)s::text[]) AS term WHERE strpos(named.text, term) = 0))
  AND (%(as_of)s::date IS NULL
       OR (valid_from <= %(as_of)s::date AND (valid_to IS NULL OR valid_to > %(as_of)s::date)))
  AND (%(after_gone)s::boolean IS NULL
       OR (branch_code <> '', valid_to IS NOT NULL, other, bank_code, branch_code, valid_from)
          > (%(after_branch)s::bpchar <> '', %(after_gone)s, %(after_other)s, %(after_bank)s::bpchar,
             %(after_branch)s::bpchar, %(after_from)s::date))
ORDER BY branch_code <> '', valid_to IS NOT NULL, other, bank_code, branch_code, valid_from
LIMIT %(limit)s

-- name: bank_versions
SELECT bank_code, bank_name, coalesce(bank_kana, '') AS bank_kana, valid_from, valid_to
FROM zengin.bank_history
WHERE bank_code = %(bank_code)s
ORDER BY valid_from DESC, valid_to DESC NULLS FIRST

-- name: branch_versions
SELECT bank_code, branch_code, branch_name, coalesce(branch_kana, '') AS branch_kana, valid_from, valid_to
FROM zengin.branch_history
WHERE bank_code = %(bank_code)s AND branch_code = %(branch_code)s
ORDER BY valid_from DESC, valid_to DESC NULLS FIRST

-- name: former_names
-- of keys that are used again: what they meant before, the newest name last
SELECT "table", key, name
FROM (
    SELECT 'banks' AS "table", bank_code::text AS key, bank_name AS name, valid_from, valid_to
    FROM zengin.bank_history
    WHERE bank_code = ANY(%(banks)s::char(4)[])
    UNION ALL
    SELECT 'branches', concat_ws('-', bank_code, branch_code), branch_name, valid_from, valid_to
    FROM zengin.branch_history
    JOIN unnest(%(branch_banks)s::char(4)[], %(branches)s::char(3)[]) AS wanted (bank_code, branch_code)
        USING (bank_code, branch_code)
) AS version
ORDER BY valid_from, valid_to NULLS LAST

-- name: rows_without_search
SELECT bank_code, NULL AS branch_code, bank_name AS name, coalesce(bank_kana, '') AS kana,
       coalesce(bank_roma, '') AS roma
FROM zengin.banks WHERE search IS NULL
UNION ALL
SELECT bank_code, branch_code, branch_name, coalesce(branch_kana, ''), coalesce(branch_roma, '')
FROM zengin.branches WHERE search IS NULL

-- name: create_folded
CREATE TEMPORARY TABLE zengin_folded (bank_code char(4) NOT NULL, branch_code char(3), search text NOT NULL)
ON COMMIT DROP

-- name: set_bank_search
WITH kept AS (
    UPDATE zengin.bank_history AS kept SET search = folded.search
    FROM zengin_folded AS folded
    WHERE folded.branch_code IS NULL AND kept.bank_code = folded.bank_code AND kept.valid_to IS NULL
)
UPDATE zengin.banks AS bank SET search = folded.search
FROM zengin_folded AS folded
WHERE folded.branch_code IS NULL AND bank.bank_code = folded.bank_code AND bank.search IS NULL

-- name: set_branch_search
WITH kept AS (
    UPDATE zengin.branch_history AS kept SET search = folded.search
    FROM zengin_folded AS folded
    WHERE kept.bank_code = folded.bank_code AND kept.branch_code = folded.branch_code AND kept.valid_to IS NULL
)
UPDATE zengin.branches AS branch SET search = folded.search
FROM zengin_folded AS folded
WHERE branch.bank_code = folded.bank_code AND branch.branch_code = folded.branch_code AND branch.search IS NULL

-- name: drop_folded
DROP TABLE zengin_folded
