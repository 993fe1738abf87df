-- Incidents and the outbox of their notifications. What a rule's own statement has found is given; see rules.sql.

-- name: judge_alone
SELECT pg_advisory_xact_lock(hashtextextended('judge ' || %(rule)s, 0))

-- name: judge
-- What is new opens an incident with its notification; one is open per rule and subject, by a unique index.
WITH found AS (
    SELECT * FROM unnest(%(subjects)s::text[], %(jobs)s::text[], %(summaries)s::text[], %(summary_messages)s::text[])
        AS found (subject, job, summary, message)
),
opened AS (
    INSERT INTO operations.incidents (rule, subject, severity, job, summary, summary_message, opened_at)
    SELECT %(rule)s, subject, %(severity)s, job, summary, message::jsonb, %(now)s FROM found
    ON CONFLICT (rule, subject) WHERE resolved_at IS NULL DO NOTHING
    RETURNING id
),
retold AS (
    UPDATE operations.incidents i SET summary = f.summary, summary_message = f.message::jsonb FROM found f
    WHERE i.rule = %(rule)s AND i.subject = f.subject AND i.resolved_at IS NULL AND i.summary <> f.summary
),
noted AS (
    INSERT INTO operations.notifications (incident_id, kind, created_at, next_attempt_at)
    SELECT id, 'opened', %(now)s, %(now)s FROM opened
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM opened

-- name: gone
SELECT subject FROM operations.incidents
WHERE rule = %(rule)s AND resolved_at IS NULL AND subject <> ALL(%(subjects)s)

-- name: resolutions
SELECT subject, resolution FROM ({resolution}) AS ends WHERE subject = ANY(%(gone)s)

-- name: end
-- What is gone is resolved, with its recovery note.
WITH gone AS (
    SELECT * FROM unnest(%(gone)s::text[], %(resolutions)s::text[], %(resolution_messages)s::text[])
        AS gone (subject, resolution, message)
),
ended AS (
    UPDATE operations.incidents i
    SET resolved_at = greatest(opened_at, %(now)s), resolution = g.resolution, resolution_message = g.message::jsonb
    FROM gone g WHERE i.rule = %(rule)s AND i.subject = g.subject AND i.resolved_at IS NULL
    RETURNING id
),
noted AS (
    INSERT INTO operations.notifications (incident_id, kind, created_at, next_attempt_at)
    SELECT id, 'resolved', %(now)s, %(now)s FROM ended
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM ended

-- name: judge_notice
-- What has not been told yet is, once and for all; the unique index decides between two who judge at once.
WITH found AS (
    SELECT * FROM unnest(%(subjects)s::text[], %(jobs)s::text[], %(summaries)s::text[], %(summary_messages)s::text[])
        AS found (subject, job, summary, message)
),
told AS (
    INSERT INTO operations.incidents (
        rule, subject, severity, job, summary, summary_message, opened_at, resolved_at, resolution, resolution_message,
        notice)
    SELECT %(rule)s, f.subject, %(severity)s, f.job, f.summary, f.message::jsonb, %(now)s, %(now)s, %(resolution)s,
           %(resolution_message)s::jsonb, true
    FROM found f
    WHERE NOT EXISTS (
        SELECT FROM operations.incidents i WHERE i.rule = %(rule)s AND i.subject = f.subject AND i.notice)
    ON CONFLICT (rule, subject) WHERE notice DO NOTHING
    RETURNING id
),
noted AS (
    INSERT INTO operations.notifications (incident_id, kind, created_at, next_attempt_at)
    SELECT id, 'opened', %(now)s, %(now)s FROM told
)
SELECT (SELECT count(*) FROM told) AS opened, 0 AS ended

-- name: no_resolution
SELECT NULL::text AS subject, NULL::text AS resolution WHERE false

-- name: close_unknown_rules
-- A rule that is gone finds nothing any more.
UPDATE operations.incidents
SET resolved_at = greatest(opened_at, %(now)s), resolution = %(resolution)s, resolution_message = %(message)s::jsonb
WHERE resolved_at IS NULL AND rule <> ALL(%(rules)s)

-- name: incidents
SELECT * FROM operations.incidents
WHERE (NOT %(open_only)s OR resolved_at IS NULL)
  AND (%(job)s::text IS NULL OR job = %(job)s)
  AND (%(id)s::bigint IS NULL OR id < %(id)s)
ORDER BY id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: incident
SELECT * FROM operations.incidents WHERE id = %(id)s

-- name: due_notifications
SELECT n.id, n.kind, n.created_at, n.delivered, n.attempts, i.id AS incident_id, i.rule, i.severity, i.job, i.summary,
       i.summary_message, i.opened_at, i.resolution, i.resolution_message, i.notice
FROM operations.notifications n JOIN operations.incidents i ON i.id = n.incident_id
WHERE n.sent_at IS NULL AND n.given_up_at IS NULL AND n.next_attempt_at <= %(now)s
ORDER BY n.id
LIMIT %(limit)s

-- name: notifications_delivered
UPDATE operations.notifications SET delivered = array_append(delivered, %(destination)s)
WHERE id = ANY(%(ids)s) AND %(destination)s <> ALL(delivered)

-- name: notifications_sent
UPDATE operations.notifications SET sent_at = %(now)s, attempts = attempts + 1, last_error = NULL
WHERE id = ANY(%(ids)s) AND sent_at IS NULL

-- name: notifications_failed
UPDATE operations.notifications n
SET attempts = n.attempts + 1, next_attempt_at = f.next_attempt_at, last_error = %(error)s,
    given_up_at = CASE WHEN n.created_at < %(given_up_before)s THEN %(now)s END
FROM unnest(%(ids)s::bigint[], %(next_attempts)s::timestamptz[]) AS f (id, next_attempt_at)
WHERE n.id = f.id
