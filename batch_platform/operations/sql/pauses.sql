-- Pauses of everything that starts by itself, and the moments of schedules that fell into them.

-- name: begin_pause
INSERT INTO operations.pauses (reason, declared_by, begins_at, ends_at)
SELECT %(reason)s, %(by)s, %(now)s, %(until)s
WHERE NOT EXISTS (
    SELECT FROM operations.pauses WHERE begins_at <= %(now)s AND coalesce(ended_at, ends_at) > %(now)s)
RETURNING id

-- name: one_pause_at_a_time
LOCK TABLE operations.pauses IN SHARE ROW EXCLUSIVE MODE

-- name: end_pause
UPDATE operations.pauses SET ended_at = %(now)s, ended_by = %(by)s, end_reason = %(reason)s
WHERE id = %(id)s AND ended_at IS NULL AND ends_at > %(now)s

-- name: active_pause
SELECT * FROM operations.pauses WHERE begins_at <= %(now)s AND coalesce(ended_at, ends_at) > %(now)s

-- name: pause
SELECT * FROM operations.pauses WHERE id = %(id)s

-- name: pauses
SELECT * FROM operations.pauses
WHERE %(id)s::bigint IS NULL OR id < %(id)s
ORDER BY id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: hold_moment
INSERT INTO operations.paused_moments (pause_id, job, trigger, due_at)
VALUES (%(pause)s, %(job)s, %(trigger)s, %(due_at)s)
ON CONFLICT DO NOTHING

-- name: paused_moments
SELECT * FROM operations.paused_moments WHERE pause_id = ANY(%(pauses)s) ORDER BY due_at, trigger

-- name: moments_to_catch_up
-- The newest of each schedule, once its pause is over.
SELECT DISTINCT ON (m.trigger) m.*
FROM operations.paused_moments m JOIN operations.pauses p ON p.id = m.pause_id
WHERE m.settled_at IS NULL AND coalesce(p.ended_at, p.ends_at) <= %(now)s
ORDER BY m.trigger, m.due_at DESC

-- name: settle_moments
-- The one that was caught up, and the older ones that it stands for.
UPDATE operations.paused_moments
SET settled_at = %(now)s, run_ids = CASE WHEN due_at = %(due_at)s THEN %(run_ids)s::text[] ELSE '{}' END
WHERE trigger = %(trigger)s AND due_at <= %(due_at)s AND settled_at IS NULL
