-- Writes that carry an Idempotency-Key.

-- name: claim_key
-- New keys, keys whose answer has expired, and the same request of a worker that died are this worker's now.
INSERT INTO web.idempotency_keys AS known (id, request_hash, owner, lease_expires_at, expires_at)
VALUES (%(id)s, %(request_hash)s, %(owner)s, %(lease_expires_at)s, %(expires_at)s)
ON CONFLICT (id) DO UPDATE
   SET request_hash = excluded.request_hash, owner = excluded.owner, lease_expires_at = excluded.lease_expires_at,
       expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL
 WHERE known.expires_at <= %(now)s
    OR (known.status IS NULL AND known.request_hash = excluded.request_hash
        AND (known.lease_expires_at <= %(now)s OR known.owner = %(dead_owner)s))
RETURNING id

-- name: key
SELECT request_hash, owner, lease_expires_at, status, headers, body FROM web.idempotency_keys WHERE id = %(id)s

-- name: renew_key
UPDATE web.idempotency_keys SET lease_expires_at = %(lease_expires_at)s
 WHERE id = %(id)s AND owner = %(owner)s AND status IS NULL

-- name: answer_key
UPDATE web.idempotency_keys SET status = %(status)s, headers = %(headers)s, body = %(body)s
 WHERE id = %(id)s AND owner = %(owner)s AND status IS NULL

-- name: release_key
DELETE FROM web.idempotency_keys WHERE id = %(id)s AND owner = %(owner)s AND status IS NULL

-- name: delete_expired_keys
-- In small bites, and never waiting for another one that sweeps.
DELETE FROM web.idempotency_keys WHERE id IN (
    SELECT id FROM web.idempotency_keys WHERE expires_at <= %(now)s LIMIT 100 FOR UPDATE SKIP LOCKED)
