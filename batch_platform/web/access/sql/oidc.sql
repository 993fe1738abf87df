-- What sessions of an OIDC provider need beside those of local accounts.

-- name: save_tokens
INSERT INTO web.oidc_sessions (id_hash, sid, tokens, confirmed_at)
VALUES (%(id_hash)s, %(sid)s, %(tokens)s, %(confirmed_at)s)
ON CONFLICT (id_hash) DO UPDATE
   SET sid = excluded.sid, tokens = excluded.tokens, confirmed_at = excluded.confirmed_at,
       asked_at = NULL, asking = false

-- name: confirm_session
UPDATE web.sessions
   SET name = %(name)s, roles = %(roles)s, expires_at = least(created_at + %(longest)s, %(until)s::timestamptz)
 WHERE id_hash = %(id_hash)s

-- name: tokens
SELECT sid, tokens, asking FROM web.oidc_sessions WHERE id_hash = %(id_hash)s

-- name: claim_confirmation
UPDATE web.oidc_sessions SET asked_at = %(now)s, asking = true
 WHERE id_hash = %(id_hash)s AND confirmed_at = %(confirmed_at)s AND (asked_at IS NULL OR asked_at <= %(asked_before)s)

-- name: release_confirmation
UPDATE web.oidc_sessions SET asking = false WHERE id_hash = %(id_hash)s

-- name: delete_oidc_sessions
DELETE FROM web.sessions AS session
 USING web.oidc_sessions AS oidc
 WHERE oidc.id_hash = session.id_hash
   AND (%(subject)s::text IS NULL OR session.subject = %(subject)s)
   AND (%(sid)s::text IS NULL OR oidc.sid = %(sid)s)
RETURNING session.subject, session.name

-- name: insert_logout_token
WITH expired AS (DELETE FROM web.logout_tokens WHERE expires_at <= %(now)s AND jti_hash <> %(jti_hash)s)
INSERT INTO web.logout_tokens (jti_hash, expires_at) VALUES (%(jti_hash)s, %(expires_at)s)
ON CONFLICT (jti_hash) DO NOTHING
