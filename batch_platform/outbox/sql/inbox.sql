-- What domains do with notices.

-- name: enqueue
SELECT outbox.enqueue(%(domain)s, %(notices)s::jsonb, %(at)s)
