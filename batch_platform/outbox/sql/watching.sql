-- What the monitor and the metrics see: alert rules give (subject, job, summary) for each thing that is wrong now.

-- name: rule_backlog
SELECT 'outbox' AS subject, NULL::text AS job, jsonb_build_object('count', count(*)) AS summary
  FROM outbox.notices
 WHERE state = 'sending' OR (state = 'pending' AND next_attempt_at <= %(now)s)
HAVING count(*) > %(limit)s

-- name: rule_failed
SELECT domain AS subject, NULL::text AS job,
       jsonb_build_object(
           'domain', domain,
           'letters', jsonb_build_object(
               'id', CASE count(*) WHEN 1 THEN 'one-letter' ELSE 'several-letters' END,
               'parameters', jsonb_build_object('count', count(*)))) AS summary
  FROM outbox.notices
 WHERE state = 'failed'
 GROUP BY domain

-- name: rule_undelivered
-- What was no advertising and did not reach whom it was meant for: of a day, for nobody can mend it here.
SELECT domain AS subject, NULL::text AS job,
       jsonb_build_object('domain', domain, 'count', count(*)) AS summary
  FROM outbox.notices
 WHERE state IN ('bounced', 'suppressed') AND category = 'transactional' AND cleared_at IS NULL
   AND settled_at > %(now)s - interval '24 hours'
 GROUP BY domain

-- name: queue_size
SELECT 'outbox' AS label, count(*) AS value
  FROM outbox.notices
 WHERE state = 'sending' OR (state = 'pending' AND next_attempt_at <= %(now)s)

-- name: oldest_age
SELECT 'outbox' AS label,
       coalesce(extract(epoch FROM %(now)s - min(greatest(created_at, next_attempt_at))), 0) AS value
  FROM outbox.notices
 WHERE state = 'pending' AND next_attempt_at <= %(now)s

-- name: dead_letters
SELECT 'outbox' AS label, count(*) AS value FROM outbox.notices WHERE state = 'failed'

-- name: waiting_failed
SELECT domain AS subject, NULL::text AS job, min(coalesce(settled_at, attempted_at, created_at)) AS since,
       NULL::timestamptz AS until, '{}'::text[] AS not_by,
       jsonb_build_object('domain', domain, 'notices', count(*)) AS facts
  FROM outbox.notices
 WHERE state = 'failed'
 GROUP BY domain
 ORDER BY since
 LIMIT %(limit)s
