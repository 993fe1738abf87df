-- Signed-in browsers and failed logins.

-- name: insert_session
INSERT INTO web.sessions (id_hash, subject, name, user_name, roles, address, created_at, seen_at, expires_at)
VALUES (%(id_hash)s, %(subject)s, %(name)s, %(user_name)s, %(roles)s, %(address)s, %(now)s, %(now)s, %(expires_at)s)

-- name: session
SELECT session.subject, session.name, coalesce(account.roles, session.roles) AS roles, session.seen_at
  FROM web.sessions AS session
  LEFT JOIN web.users AS account ON account.name = session.user_name
 WHERE session.id_hash = %(id_hash)s
   AND session.expires_at > %(now)s
   AND session.seen_at > %(idle_since)s
   AND account.enabled IS NOT FALSE

-- name: touch_session
UPDATE web.sessions SET seen_at = %(now)s WHERE id_hash = %(id_hash)s AND seen_at < %(now)s

-- name: delete_session
DELETE FROM web.sessions WHERE id_hash = %(id_hash)s

-- name: delete_sessions_of
DELETE FROM web.sessions WHERE user_name = %(name)s

-- name: delete_ended_sessions
DELETE FROM web.sessions WHERE id_hash IN (
    SELECT id_hash FROM web.sessions WHERE expires_at <= %(now)s OR seen_at <= %(idle_since)s
     LIMIT 100 FOR UPDATE SKIP LOCKED)

-- name: count_attempt
-- The attempt counts as a failure before the password is looked at: many at once are many failures. A key that is
-- locked is left as it is, and returns no row. Each failure from the threshold on doubles the delay.
INSERT INTO web.login_attempts AS known (key, failures, failed_at)
VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE
   SET failures = CASE WHEN known.failed_at < %(forgotten)s THEN 1 ELSE known.failures + 1 END,
       failed_at = excluded.failed_at,
       locked_until = CASE
           WHEN known.failed_at >= %(forgotten)s AND known.failures + 1 >= %(threshold)s
           THEN excluded.failed_at + least(
               %(longest)s, %(shortest)s * (1 << least(known.failures + 1 - %(threshold)s, 20)))
       END
 WHERE known.locked_until IS NULL OR known.locked_until <= excluded.failed_at
RETURNING failures

-- name: locked_until
SELECT locked_until FROM web.login_attempts WHERE key = %(key)s

-- name: forget_account
DELETE FROM web.login_attempts WHERE key = %(key)s

-- name: forgive_address
UPDATE web.login_attempts
   SET failures = greatest(failures - 1, 0),
       locked_until = CASE WHEN failures > %(threshold)s THEN locked_until END
 WHERE key = %(key)s

-- name: delete_old_attempts
-- Neither waits for a login under way nor lets the table grow.
DELETE FROM web.login_attempts WHERE key IN (
    SELECT key FROM web.login_attempts WHERE failed_at < %(forgotten)s LIMIT 100 FOR UPDATE SKIP LOCKED)
