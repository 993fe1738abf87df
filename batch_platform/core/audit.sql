-- The audit log.

-- name: insert_audit
INSERT INTO web.audit_log (at, who, what, target, before, after, correlation_id, settled_at, key)
VALUES (%(now)s, %(who)s, %(what)s, %(target)s, %(before)s, %(after)s, %(correlation_id)s, %(settled_at)s, %(key)s)
ON CONFLICT (key) WHERE settled_at IS NULL OR outcome = 'done' DO NOTHING
RETURNING id

-- name: audit_of_key
SELECT id FROM web.audit_log WHERE key = %(key)s AND (settled_at IS NULL OR outcome = 'done')

-- name: settle_audit
UPDATE web.audit_log
   SET outcome = %(outcome)s, settled_at = %(now)s, target = coalesce(%(target)s, target),
       after = coalesce(%(after)s, after)
 WHERE id = %(id)s AND settled_at IS NULL

-- name: audit_table
SELECT FROM web.audit_log LIMIT 0

-- name: audit_rows
-- What was done to several at once names each of them in `before`; `via` is by what a person acted.
SELECT id, at, who, what, target, before, after, correlation_id, outcome, settled_at
  FROM web.audit_log
 WHERE (%(who)s::text IS NULL OR who = ANY (%(people)s::text[])
        OR after ? 'via' AND after ->> 'via' = ANY (%(people)s::text[]))
   AND (%(what)s::text IS NULL OR what = %(what)s OR starts_with(what, %(what)s || '.'))
   AND (%(target)s::text IS NULL OR target = %(target)s OR before ? %(target)s)
   AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
   AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
   AND (%(before_id)s::bigint IS NULL OR id < %(before_id)s)
 ORDER BY id DESC
 LIMIT %(limit)s OFFSET %(offset)s
