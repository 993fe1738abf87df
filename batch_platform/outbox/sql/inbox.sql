-- What domains do, each in a transaction of its own.

-- name: enqueue
SELECT outbox.enqueue(%(domain)s, %(notices)s::jsonb, %(at)s)

-- name: add_consent
INSERT INTO outbox.consents (domain, channel, recipient, granted, source, at)
VALUES (%(domain)s, %(channel)s, lower(%(recipient)s), %(granted)s, %(source)s, %(at)s)

-- name: states
SELECT key, state FROM outbox.notices WHERE domain = %(domain)s AND key = ANY(%(keys)s)

-- name: inbox
SELECT *
  FROM outbox.notices
 WHERE domain = %(domain)s AND recipient = %(recipient)s AND channel = 'in_app' AND cleared_at IS NULL
   AND (%(before)s::uuid IS NULL OR id < %(before)s)
   AND (NOT %(unread)s OR read_at IS NULL)
 ORDER BY id DESC
 LIMIT %(limit)s

-- name: mark_read
UPDATE outbox.notices
   SET read_at = %(at)s
 WHERE domain = %(domain)s AND recipient = %(recipient)s AND channel = 'in_app' AND read_at IS NULL
   AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
