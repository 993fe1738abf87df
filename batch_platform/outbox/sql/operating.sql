-- What people look at and do.

-- name: page
SELECT *
  FROM outbox.notices
 WHERE (%(state)s::text IS NULL OR state = %(state)s)
   AND (%(channel)s::text IS NULL OR channel = %(channel)s)
   AND (%(domain)s::text IS NULL OR domain = %(domain)s)
   AND (%(recipient)s::text IS NULL OR recipient = %(recipient)s)
   AND (%(before)s::uuid IS NULL OR id < %(before)s)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: notice
SELECT * FROM outbox.notices WHERE id = %(id)s

-- name: numbered
SELECT * FROM outbox.notices WHERE number = %(number)s

-- name: retry
UPDATE outbox.notices
   SET state = 'pending', attempts = 0, next_attempt_at = %(now)s, reason = NULL, detail = NULL, settled_at = NULL,
       subject = NULL, body_text = NULL, body_html = NULL
 WHERE id = %(id)s AND state = 'failed'
RETURNING *

-- name: suppressions
SELECT *
  FROM outbox.suppressions
 WHERE (%(channel)s::text IS NULL OR channel = %(channel)s)
   AND (%(after_channel)s::text IS NULL OR (channel, recipient) > (%(after_channel)s, %(after_recipient)s))
 ORDER BY channel, recipient
 LIMIT %(limit)s

-- name: suppression
SELECT * FROM outbox.suppressions WHERE channel = %(channel)s AND recipient = lower(%(recipient)s)

-- name: suppress
INSERT INTO outbox.suppressions (channel, recipient, reason, detail, created_at, created_by)
VALUES (%(channel)s, lower(%(recipient)s), %(reason)s, %(detail)s, %(now)s, %(by)s)
ON CONFLICT DO NOTHING

-- name: unsuppress
DELETE FROM outbox.suppressions WHERE channel = %(channel)s AND recipient = lower(%(recipient)s)

-- name: consent
SELECT granted FROM outbox.consents
 WHERE domain = %(domain)s AND channel = %(channel)s AND recipient = lower(%(recipient)s)
 ORDER BY id DESC LIMIT 1

-- name: overview
-- As the dashboard tells it.
SELECT (SELECT count(*) FROM outbox.notices WHERE state IN ('pending', 'sending')) AS waiting,
       (SELECT min(created_at) FROM outbox.notices WHERE state IN ('pending', 'sending')) AS oldest,
       (SELECT count(*) FROM outbox.notices WHERE state = 'failed') AS failed
