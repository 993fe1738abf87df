-- Periodic approaches: what is due, what became of it, and who was written to.

-- name: lock_approaches
-- one decides at a time; whoever waited finds what the other has decided
SELECT pg_advisory_xact_lock(hashtextextended('batch_platform.staffing.approaches', 0));

-- name: unscheduled_approaches
-- new ones, and those whose rule is another by now
SELECT p.approach_id, p.rule, last.scheduled_for AS decided_until
FROM periodic_approaches AS p
LEFT JOIN approach_schedules AS s ON s.approach_id = p.approach_id
LEFT JOIN LATERAL (
    SELECT o.scheduled_for FROM approach_occurrences AS o
    WHERE o.approach_id = p.approach_id ORDER BY o.scheduled_for DESC LIMIT 1
) AS last ON true
WHERE s.rule IS DISTINCT FROM p.rule
ORDER BY p.approach_id
LIMIT %(limit)s;

-- name: schedule_approaches
INSERT INTO approach_schedules (approach_id, rule, next_at)
SELECT g.approach_id, g.rule, g.next_at
FROM jsonb_to_recordset(%(schedules)s) AS g (approach_id text, rule jsonb, next_at timestamptz)
ON CONFLICT (approach_id) DO UPDATE SET rule = excluded.rule, next_at = excluded.next_at;

-- name: periodic_approaches
-- with the last moment that was decided of each
SELECT p.approach_id, p.company_id, c.name AS company, p.rule, p.criteria, p.policy, p.grace_minutes, p.template,
       s.next_at, last.scheduled_for AS decided_until, last.state AS last_state
FROM periodic_approaches AS p
LEFT JOIN approach_schedules AS s ON s.approach_id = p.approach_id
LEFT JOIN companies AS c ON c.company_id = p.company_id
LEFT JOIN LATERAL (
    SELECT o.scheduled_for, o.state FROM approach_occurrences AS o
    WHERE o.approach_id = p.approach_id ORDER BY o.scheduled_for DESC LIMIT 1
) AS last ON true
WHERE (%(approach_id)s::text IS NULL OR p.approach_id = %(approach_id)s)
  AND (%(due_at)s::timestamptz IS NULL OR s.next_at <= %(due_at)s)
ORDER BY id_number(p.approach_id) NULLS LAST, id_text(p.approach_id);

-- name: decide_occurrences
-- a company that has closed sends nothing more
WITH given AS (
    SELECT g.approach_id, g.scheduled_for, g.action, g.reason, g.status, g.skills, g.company_ids
    FROM jsonb_to_recordset(%(occurrences)s) AS g (
        approach_id text, scheduled_for timestamptz, action text, reason text, status text[], skills text[],
        company_ids text[])
), found AS (
    SELECT g.approach_id, g.scheduled_for, p.company_id, p.template, e.engineer_id, e.email, e.name
    FROM given AS g
    JOIN periodic_approaches AS p ON p.approach_id = g.approach_id
    JOIN statuses_on(business_day(%(now)s), %(now)s) AS s ON s.status = ANY (g.status)
    JOIN engineers AS e ON e.engineer_id = s.engineer_id
    WHERE g.action = 'deliver'
      AND e.skills @> g.skills
      AND (g.company_ids IS NULL OR e.company_id = ANY (g.company_ids))
      AND (e.created_at IS NULL OR e.created_at <= %(now)s) AND (e.deleted_at IS NULL OR e.deleted_at > %(now)s)
      AND NOT EXISTS (SELECT FROM companies AS c WHERE c.company_id = p.company_id AND c.closed_at <= %(now)s)
      AND NOT EXISTS (
        SELECT FROM exclusions AS x WHERE x.company_id = p.company_id AND x.engineer_id = e.engineer_id
      )
), decided AS (
    INSERT INTO approach_occurrences (approach_id, scheduled_for, state, engineers, reason, decided_at)
    SELECT g.approach_id, g.scheduled_for,
           CASE g.action WHEN 'skip' THEN 'skipped' WHEN 'fail' THEN 'failed'
                         ELSE CASE WHEN count(f.engineer_id) > 0 THEN 'delivered' ELSE 'empty' END END,
           count(f.engineer_id), g.reason, %(now)s
    FROM given AS g
    LEFT JOIN found AS f ON f.approach_id = g.approach_id AND f.scheduled_for = g.scheduled_for
    GROUP BY g.approach_id, g.scheduled_for, g.action, g.reason
    ON CONFLICT (approach_id, scheduled_for) DO UPDATE
    SET state = excluded.state, engineers = excluded.engineers, reason = excluded.reason,
        decided_at = excluded.decided_at
    WHERE approach_occurrences.state = 'failed'
    RETURNING approach_id, scheduled_for, state, engineers
), sent AS (
    INSERT INTO approaches (id, company_id, sent_at, engineer_id, approach_id, scheduled_for)
    SELECT format('%%s %%s %%s', f.approach_id,
                  to_char(f.scheduled_for AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), f.engineer_id),
           f.company_id, %(now)s, f.engineer_id, f.approach_id, f.scheduled_for
    FROM found AS f
    JOIN decided USING (approach_id, scheduled_for)
    RETURNING id, approach_id, company_id, engineer_id
), told AS (
    SELECT outbox.enqueue('staffing', jsonb_agg(jsonb_build_object(
        'key', 'approach ' || a.id || ' ' || w.channel, 'channel', w.channel, 'recipient', w.recipient,
        'category', 'advertising', 'template', p.template,
        'parameters', jsonb_build_object('approach', a.id, 'company', coalesce(c.name, id_text(a.company_id)),
                                         'engineer', coalesce(e.name, id_text(a.engineer_id))))), %(now)s) AS notices
    FROM sent AS a
    JOIN periodic_approaches AS p ON p.approach_id = a.approach_id
    JOIN engineers AS e ON e.engineer_id = a.engineer_id
    LEFT JOIN companies AS c ON c.company_id = a.company_id
    CROSS JOIN LATERAL (
        SELECT 'in_app', id_text(a.engineer_id) UNION ALL SELECT 'mail', e.email WHERE e.email IS NOT NULL
    ) AS w (channel, recipient)
)
SELECT d.approach_id, d.scheduled_for, d.state, d.engineers FROM decided AS d, told
ORDER BY d.scheduled_for, id_number(d.approach_id) NULLS LAST, id_text(d.approach_id);

-- name: occurrences
SELECT o.approach_id, p.company_id, c.name AS company, o.scheduled_for, o.state, o.engineers, o.reason, o.decided_at
FROM approach_occurrences AS o
LEFT JOIN periodic_approaches AS p ON p.approach_id = o.approach_id
LEFT JOIN companies AS c ON c.company_id = p.company_id
WHERE (%(approach_id)s::text IS NULL OR o.approach_id = %(approach_id)s)
  AND (%(state)s::text IS NULL OR o.state = %(state)s)
  AND (%(before_at)s::timestamptz IS NULL OR (o.scheduled_for, o.approach_id) < (%(before_at)s, %(before_id)s))
ORDER BY o.scheduled_for DESC, o.approach_id DESC
LIMIT %(limit)s;

-- name: approaches_waiting
SELECT 'approaches' AS label, count(*) AS value FROM staffing.approach_schedules AS s WHERE s.next_at <= %(now)s

-- name: rule_approaches_backlog
SELECT 'approaches' AS subject, NULL::text AS job, jsonb_build_object('count', count(*)) AS summary
FROM staffing.approach_schedules AS s
WHERE s.next_at <= %(now)s
HAVING count(*) > %(limit)s

-- name: rule_approach_failed
SELECT o.approach_id AS subject, NULL::text AS job,
       jsonb_build_object('approach', staffing.id_text(o.approach_id), 'count', count(*)) AS summary
FROM staffing.approach_occurrences AS o
WHERE o.state = 'failed'
GROUP BY o.approach_id
