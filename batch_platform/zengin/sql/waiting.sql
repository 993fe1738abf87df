-- What waits for people. Rows as operations/waiting_lists.py has them.

-- name: waiting_review
-- Who has approved all that is pending, and who asked for an undoing that one account decides, cannot decide it.
WITH pending AS (
    SELECT changeset_id, count(*) AS records, count(*) FILTER (WHERE risk = 'high') AS high, min(recorded_at) AS since
    FROM zengin.records
    WHERE status = 'pending'
    GROUP BY changeset_id
    ORDER BY since
    LIMIT %(limit)s
)
SELECT p.changeset_id AS subject, 'zengin-diff' AS job, p.since, p.since + %(lasts)s::interval AS until,
       ARRAY(
           SELECT given.who
           FROM zengin.records r
           JOIN zengin.transitions given ON (given.target, given.target_id, given.version) = ('record', r.id, r.version)
           WHERE r.changeset_id = p.changeset_id AND r.status = 'pending' AND given.reason = 'approved'
           GROUP BY given.who
           HAVING count(*) = p.records)
       || CASE WHEN c.proposed_by IS NOT NULL AND c.needs_approvals = 1 THEN ARRAY[c.proposed_by] ELSE '{}' END AS not_by,
       jsonb_build_object('changeset', p.changeset_id, 'records', p.records, 'high', p.high,
                          'needed', c.needs_approvals) AS facts
FROM pending p JOIN zengin.changesets c ON c.id = p.changeset_id
ORDER BY p.since

-- name: waiting_hold
SELECT c.id AS subject, 'zengin-diff' AS job, c.created_at AS since, NULL::timestamptz AS until, given.accounts AS not_by,
       jsonb_build_object('day', c.business_date, 'rows', coalesce((c.counts ->> 'rows')::integer, 0),
                          'missing', greatest(c.needs_approvals - cardinality(given.accounts), 1)) AS facts
FROM zengin.changesets c
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT approval ->> 'account' FROM jsonb_array_elements(c.approvals) AS approval) AS accounts
) AS given
WHERE c.status = 'held'
ORDER BY c.created_at
LIMIT %(limit)s

-- name: waiting_failed
SELECT changeset_id AS subject, 'zengin-apply' AS job, min(updated_at) AS since, NULL::timestamptz AS until,
       '{}'::text[] AS not_by, jsonb_build_object('changeset', changeset_id, 'records', count(*)) AS facts
FROM zengin.records
WHERE status = 'failed'
GROUP BY changeset_id
ORDER BY since
LIMIT %(limit)s

-- name: waiting_scheduled
-- A business date begins at midnight in Japan.
SELECT changeset_id AS subject, 'zengin-apply' AS job, min(updated_at) AS since,
       min(not_before)::timestamp AT TIME ZONE 'Asia/Tokyo' AS until, '{}'::text[] AS not_by,
       jsonb_build_object('changeset', changeset_id, 'records', count(*), 'day', min(not_before)) AS facts
FROM zengin.records
WHERE status = 'approved' AND not_before > (%(now)s AT TIME ZONE 'Asia/Tokyo')::date
GROUP BY changeset_id
ORDER BY until
LIMIT %(limit)s
