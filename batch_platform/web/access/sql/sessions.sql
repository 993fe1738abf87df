-- Signed-in browsers and failed logins.

-- name: insert_session
INSERT INTO web.sessions (id_hash, subject, name, user_name, roles, address, created_at, seen_at, expires_at)
VALUES (%(id_hash)s, %(subject)s, %(name)s, %(user_name)s, %(roles)s, %(address)s, %(now)s, %(now)s, %(expires_at)s)

-- name: session
SELECT session.subject, session.name, coalesce(account.roles, session.roles) AS roles, session.seen_at,
       CASE WHEN factor.user_name IS NOT NULL AND NOT session.second_factor THEN 'second-factor'
            WHEN account.password_temporary THEN 'password'
            WHEN factor.user_name IS NULL AND account.roles && %(second_factor_roles)s::text[] THEN 'enrolment'
       END AS due,
       oidc.confirmed_at
  FROM web.sessions AS session
  LEFT JOIN web.users AS account ON account.name = session.user_name
  LEFT JOIN web.second_factors AS factor ON factor.user_name = session.user_name
  LEFT JOIN web.oidc_sessions AS oidc ON oidc.id_hash = session.id_hash
 WHERE session.id_hash = %(id_hash)s
   AND session.expires_at > %(now)s
   AND session.seen_at > %(idle_since)s
   AND account.enabled IS NOT FALSE

-- name: sessions
SELECT encode(session.id_hash, 'hex') AS id, session.subject, session.name, session.address,
       session.created_at, session.seen_at, session.expires_at
  FROM web.sessions AS session
  LEFT JOIN web.users AS account ON account.name = session.user_name
 WHERE (%(subject)s::text IS NULL OR session.subject = %(subject)s)
   AND session.expires_at > %(now)s
   AND session.seen_at > %(idle_since)s
   AND account.enabled IS NOT FALSE
 ORDER BY session.seen_at DESC, session.id_hash
 LIMIT 1000

-- name: end_session
-- By its hash; of one subject's, where only those may be ended.
DELETE FROM web.sessions
 WHERE encode(id_hash, 'hex') = %(id)s AND (%(subject)s::text IS NULL OR subject = %(subject)s)
RETURNING encode(id_hash, 'hex') AS id, subject, name, address, created_at, seen_at, expires_at

-- name: count_sessions
SELECT count(*) FROM web.sessions WHERE subject = %(subject)s AND id_hash IS DISTINCT FROM %(kept)s

-- name: end_sessions
DELETE FROM web.sessions WHERE subject = %(subject)s AND id_hash IS DISTINCT FROM %(kept)s

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
-- The attempt counts as a failure before the password is looked at: many at once are many failures. What is locked is
-- left as it is, and returns no row. Each failure from the threshold on doubles the delay.
INSERT INTO web.login_attempts AS known (account, place, failures, failed_at)
VALUES (%(account)s, %(place)s, 1, %(now)s)
ON CONFLICT (account, place) DO UPDATE
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
SELECT locked_until FROM web.login_attempts WHERE account = %(account)s AND place = %(place)s

-- name: locks
SELECT attempt.account, attempt.place, account.name, attempt.failures, attempt.locked_until
  FROM web.login_attempts AS attempt
  LEFT JOIN web.users AS account ON attempt.account IN (encode(sha256(convert_to(account.name, 'UTF8')), 'hex'),
                                                            encode(sha256(convert_to('second factor of ' || account.name, 'UTF8')), 'hex'))
 WHERE attempt.locked_until > %(now)s
 ORDER BY attempt.locked_until DESC, attempt.account, attempt.place
 LIMIT 200

-- name: failures
SELECT coalesce(sum(failures), 0) FROM web.login_attempts
 WHERE (%(account)s::text IS NULL OR account = %(account)s)
   AND (%(place)s::text IS NULL OR place = %(place)s)

-- name: forget_attempts
-- Those of an account, of a place, or of one at the other.
DELETE FROM web.login_attempts
 WHERE (%(account)s::text IS NULL OR account = %(account)s)
   AND (%(place)s::text IS NULL OR place = %(place)s)

-- name: forgive_attempt
UPDATE web.login_attempts
   SET failures = greatest(failures - 1, 0),
       locked_until = CASE WHEN failures > %(threshold)s THEN locked_until END
 WHERE account = %(account)s AND place = %(place)s

-- name: delete_old_attempts
-- Neither waits for a login under way nor lets the table grow.
DELETE FROM web.login_attempts WHERE (account, place) IN (
    SELECT account, place FROM web.login_attempts WHERE failed_at < %(forgotten)s LIMIT 100 FOR UPDATE SKIP LOCKED)

-- name: known_places
SELECT place FROM web.known_places
 WHERE user_name = %(name)s AND place = ANY (%(places)s) AND seen_at > %(since)s

-- name: remember_places
INSERT INTO web.known_places (user_name, place, seen_at)
SELECT %(name)s, place, %(now)s FROM unnest(%(places)s::text[]) AS place ORDER BY place
ON CONFLICT (user_name, place) DO UPDATE SET seen_at = excluded.seen_at

-- name: forget_places
-- All of them, or those not seen for long.
DELETE FROM web.known_places
 WHERE user_name = %(name)s AND (%(before)s::timestamptz IS NULL OR seen_at <= %(before)s)
