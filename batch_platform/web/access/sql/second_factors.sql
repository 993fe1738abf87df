-- Second factors and their recovery codes.

-- name: second_factor
SELECT secret, last_step FROM web.second_factors WHERE user_name = %(name)s

-- name: insert_second_factor
INSERT INTO web.second_factors (user_name, secret, last_step, enrolled_at)
VALUES (%(name)s, %(secret)s, %(step)s, %(now)s)
ON CONFLICT (user_name) DO NOTHING

-- name: delete_second_factor
DELETE FROM web.second_factors WHERE user_name = %(name)s

-- name: use_step
-- No code is good twice, however many try it at once.
UPDATE web.second_factors SET last_step = %(step)s WHERE user_name = %(name)s AND last_step < %(step)s

-- name: insert_recovery_codes
INSERT INTO web.recovery_codes (user_name, code_hash) SELECT %(name)s, unnest(%(hashes)s::bytea[])

-- name: use_recovery_code
DELETE FROM web.recovery_codes WHERE user_name = %(name)s AND code_hash = %(code_hash)s

-- name: recovery_codes_left
SELECT count(*) FROM web.recovery_codes WHERE user_name = %(name)s

-- name: verify_session
-- Under another id: one that was known before opens nothing afterwards.
UPDATE web.sessions SET second_factor = true, id_hash = %(renewed)s WHERE id_hash = %(id_hash)s
