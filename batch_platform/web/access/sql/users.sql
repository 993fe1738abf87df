-- Local accounts.

-- name: lock_users
SELECT pg_advisory_xact_lock(hashtextextended('web.users', 0))

-- name: users
SELECT name, roles, enabled, created_at, last_login_at,
       EXISTS (SELECT FROM web.second_factors WHERE user_name = users.name) AS second_factor
  FROM web.users
 WHERE %(name)s::text IS NULL OR name = %(name)s
 ORDER BY name COLLATE "C"

-- name: credentials
SELECT password_hash, enabled FROM web.users WHERE name = %(name)s

-- name: insert_user
INSERT INTO web.users (name, roles, password_hash, password_temporary, created_at, updated_at)
VALUES (%(name)s, %(roles)s, %(password_hash)s, true, %(now)s, %(now)s)
ON CONFLICT (name) DO NOTHING

-- name: set_enabled
UPDATE web.users SET enabled = %(enabled)s, updated_at = %(now)s
 WHERE name = %(name)s AND enabled <> %(enabled)s

-- name: set_roles
UPDATE web.users SET roles = %(roles)s, updated_at = %(now)s
 WHERE name = %(name)s AND NOT (roles @> %(roles)s::text[] AND roles <@ %(roles)s::text[])

-- name: set_password
UPDATE web.users
   SET password_hash = %(password_hash)s, password_temporary = true, first_password = false, updated_at = %(now)s
 WHERE name = %(name)s

-- name: change_password
-- By its owner, who has proved to know the one that is stored.
UPDATE web.users
   SET password_hash = %(new)s, password_temporary = false, first_password = false, updated_at = %(now)s
 WHERE name = %(name)s AND enabled AND password_hash = %(old)s

-- name: replace_hash
-- Only if nobody changed the password since it was read.
UPDATE web.users SET password_hash = %(new)s WHERE name = %(name)s AND password_hash = %(old)s

-- name: needs_first_administrator
-- Nobody has ever been able to act as administrator: there is none, or only one whose password was never used.
SELECT NOT EXISTS (SELECT FROM web.users WHERE 'administrator' = ANY (roles) AND NOT first_password)
       AND NOT EXISTS (SELECT FROM web.users WHERE name = %(name)s AND NOT (first_password AND enabled))

-- name: save_first_administrator
INSERT INTO web.users (name, roles, password_hash, first_password, created_at, updated_at)
VALUES (%(name)s, '{administrator}', %(password_hash)s, true, %(now)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, updated_at = excluded.updated_at

-- name: signed_in
UPDATE web.users SET last_login_at = %(now)s, first_password = false
 WHERE name = %(name)s AND enabled AND password_hash = %(password_hash)s
