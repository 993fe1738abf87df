-- Incidents and the outbox of their notifications. {condition} is a rule's own statement, see rules.sql.

-- name: judge
-- In one statement: what is new opens an incident with its notification, what is gone is resolved with its recovery
-- note. One incident is open per rule and subject, by a unique index.
WITH found AS MATERIALIZED ({condition}),
opened AS (
    INSERT INTO operations.incidents (rule, subject, severity, job, summary, opened_at)
    SELECT %(rule)s, subject, %(severity)s, job, summary, %(now)s FROM found
    ON CONFLICT (rule, subject) WHERE resolved_at IS NULL DO NOTHING
    RETURNING id
),
retold AS (
    UPDATE operations.incidents i SET summary = f.summary FROM found f
    WHERE i.rule = %(rule)s AND i.subject = f.subject AND i.resolved_at IS NULL AND i.summary <> f.summary
),
ended AS (
    UPDATE operations.incidents i
    SET resolved_at = greatest(opened_at, %(now)s), resolution = coalesce(
        (SELECT r.resolution FROM ({resolution}) r WHERE r.subject = i.subject), %(recovery)s)
    WHERE i.rule = %(rule)s AND i.resolved_at IS NULL AND NOT EXISTS (SELECT FROM found f WHERE f.subject = i.subject)
    RETURNING id
),
noted AS (
    INSERT INTO operations.notifications (incident_id, kind, created_at, next_attempt_at)
    SELECT id, 'opened', %(now)s, %(now)s FROM opened
    UNION ALL
    SELECT id, 'resolved', %(now)s, %(now)s FROM ended
    ON CONFLICT DO NOTHING
)
SELECT (SELECT count(*) FROM opened) AS opened, (SELECT count(*) FROM ended) AS ended

-- name: judge_notice
-- What has not been told yet is, once and for all; the unique index decides between two who judge at once.
WITH found AS MATERIALIZED ({condition}),
told AS (
    INSERT INTO operations.incidents (
        rule, subject, severity, job, summary, opened_at, resolved_at, resolution, notice)
    SELECT %(rule)s, f.subject, %(severity)s, f.job, f.summary, %(now)s, %(now)s, %(recovery)s, true
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
UPDATE operations.incidents SET resolved_at = greatest(opened_at, %(now)s), resolution = 'the rule was removed'
WHERE resolved_at IS NULL AND rule <> ALL(%(rules)s)

-- name: incidents
SELECT * FROM operations.incidents
WHERE (NOT %(open_only)s OR resolved_at IS NULL)
  AND (%(id)s::bigint IS NULL OR id < %(id)s)
ORDER BY id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: due_notifications
SELECT n.id, n.kind, n.created_at, n.delivered, n.attempts, i.rule, i.severity, i.job, i.summary, i.opened_at,
       i.resolution, i.notice
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
