-- API tokens.

-- name: insert_token
INSERT INTO web.tokens (id, name, owner, roles, made_by, created_at, expires_at)
VALUES (%(id)s, %(name)s, %(owner)s, %(roles)s, %(made_by)s, %(created_at)s, %(expires_at)s)
ON CONFLICT (id) DO NOTHING

-- name: lock_tokens_of
SELECT pg_advisory_xact_lock(hashtextextended('web.tokens ' || %(owner)s, 0))

-- name: api_tokens
SELECT id, name, owner, roles, made_by, created_at, expires_at, first_used_at, last_used_at, revoked_at, revoked_by
  FROM web.tokens
 WHERE (%(owner)s::text IS NULL OR owner = %(owner)s)
   AND (%(living_at)s::timestamptz IS NULL OR revoked_at IS NULL AND expires_at > %(living_at)s)
 ORDER BY created_at DESC, id
 LIMIT %(limit)s

-- name: api_token
SELECT id, name, owner, roles, made_by, created_at, expires_at, first_used_at, last_used_at, revoked_at, revoked_by
  FROM web.tokens
 WHERE id = %(id)s

-- name: usable_tokens
-- Whose it is decides what it may still do: nothing by an account that is disabled, has a password that somebody else
-- has set, or lacks the second factor that it needs.
SELECT token.id, token.last_used_at, account.roles AS owner_roles
  FROM web.tokens AS token
  LEFT JOIN web.users AS account ON 'local:' || account.name = token.owner
  LEFT JOIN web.second_factors AS factor ON factor.user_name = account.name
 WHERE token.id = ANY(%(ids)s)
   AND token.revoked_at IS NULL
   AND (NOT starts_with(coalesce(token.owner, ''), 'local:')
        OR account.enabled
           AND NOT account.password_temporary
           AND (factor.user_name IS NOT NULL OR NOT account.roles && %(second_factor_roles)s::text[]))

-- name: first_use_of_token
UPDATE web.tokens SET first_used_at = %(now)s, last_used_at = %(now)s WHERE id = %(id)s AND first_used_at IS NULL

-- name: touch_token
UPDATE web.tokens SET last_used_at = %(now)s WHERE id = %(id)s AND last_used_at < %(now)s

-- name: revoke_token
UPDATE web.tokens SET revoked_at = %(now)s, revoked_by = %(by)s WHERE id = %(id)s AND revoked_at IS NULL
