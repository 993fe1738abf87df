-- What people do about several dead letters or incidents at once. Their rows are locked first, in one order; what is
-- asked afterwards is as whoever held them before has left it.

-- name: lock_dead_letters
SELECT d.* FROM operations.dead_letters d
WHERE CASE
    WHEN %(ids)s::text[] IS NOT NULL THEN d.id = ANY(%(ids)s)
    ELSE (%(state)s::text IS NULL OR d.state = %(state)s)
        AND (%(job)s::text IS NULL OR d.job = %(job)s)
END
ORDER BY d.id
LIMIT %(limit)s
FOR NO KEY UPDATE

-- name: lock_incidents
SELECT i.* FROM operations.incidents i
WHERE CASE
    WHEN %(ids)s::bigint[] IS NOT NULL THEN i.id = ANY(%(ids)s)
    ELSE (NOT %(open_only)s OR i.resolved_at IS NULL)
        AND (%(job)s::text IS NULL OR i.job = %(job)s)
END
ORDER BY i.id
LIMIT %(limit)s
FOR NO KEY UPDATE

-- name: triage
SELECT target, acknowledged_at, acknowledged_by, assigned_to FROM operations.triage
WHERE kind = %(kind)s AND target = ANY(%(ids)s)

-- name: newest_comments
SELECT DISTINCT ON (target) target, at, author, text, text_message FROM operations.comments
WHERE kind = %(kind)s AND target = ANY(%(ids)s)
ORDER BY target, id DESC

-- name: comments
SELECT target, at, author, text, text_message FROM operations.comments
WHERE kind = %(kind)s AND target = %(id)s
ORDER BY id

-- name: retry_locked
UPDATE operations.dead_letters d
SET state = 'retrying', version = version + 1, retries = retries + 1, retry_run_id = r.run_id,
    changed_at = %(now)s, changed_by = %(by)s
FROM unnest(%(ids)s::text[], %(run_ids)s::text[]) AS r (id, run_id)
WHERE d.id = r.id AND d.state = 'open'

-- name: discard_locked
UPDATE operations.dead_letters
SET state = 'discarded', version = version + 1, reason = %(reason)s, changed_at = %(now)s, changed_by = %(by)s
WHERE id = ANY(%(ids)s) AND state = 'open'

-- name: acknowledge
INSERT INTO operations.triage (kind, target, acknowledged_at, acknowledged_by)
SELECT %(kind)s, id, %(now)s, %(by)s FROM unnest(%(ids)s::text[]) AS id
ON CONFLICT (kind, target) DO UPDATE
SET acknowledged_at = excluded.acknowledged_at, acknowledged_by = excluded.acknowledged_by

-- name: assign
INSERT INTO operations.triage (kind, target, assigned_to)
SELECT %(kind)s, id, %(assignee)s FROM unnest(%(ids)s::text[]) AS id
ON CONFLICT (kind, target) DO UPDATE SET assigned_to = excluded.assigned_to

-- name: comment
INSERT INTO operations.comments (kind, target, at, author, text, text_message)
SELECT %(kind)s, c.id, %(now)s, %(by)s, c.text, c.message
FROM unnest(%(ids)s::text[], %(texts)s::text[], %(messages)s::jsonb[]) AS c (id, text, message)

-- name: retries_since
-- Where those that were run again since then stand now; one that was discarded afterwards counts no more.
SELECT count(*) FILTER (WHERE state = 'retrying') AS going, count(*) FILTER (WHERE state = 'resolved') AS succeeded,
       count(*) FILTER (WHERE state = 'open') AS failed
FROM operations.dead_letters
WHERE retries > 0 AND (state = 'retrying' OR changed_at >= %(since)s)
