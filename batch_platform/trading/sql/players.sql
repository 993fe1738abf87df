-- Players at the door: nonces to sign, tokens, and how often somebody has asked.

-- name: insert_nonce
INSERT INTO trading.sign_in_nonces (nonce, wallet_address, issued_at, expires_at)
VALUES (%(nonce)s, %(wallet)s, %(issued_at)s, %(expires_at)s)

-- name: nonces
SELECT wallet_address AS wallet, nonce, issued_at, expires_at
  FROM trading.sign_in_nonces
 WHERE wallet_address = %(wallet)s AND expires_at > %(now)s AND issued_at > %(issued_after)s
 ORDER BY issued_at DESC
 LIMIT 10

-- name: use_nonce
DELETE FROM trading.sign_in_nonces WHERE nonce = %(nonce)s AND expires_at > %(now)s

-- name: insert_player_token
INSERT INTO trading.player_tokens (token_hash, wallet_address, created_at, expires_at)
VALUES (%(token_hash)s, %(wallet)s, %(now)s, %(expires_at)s)

-- name: player_token
SELECT wallet_address AS wallet FROM trading.player_tokens
 WHERE token_hash = %(token_hash)s AND expires_at > %(now)s

-- name: delete_player_token
DELETE FROM trading.player_tokens WHERE token_hash = %(token_hash)s AND expires_at > %(now)s

-- name: delete_ended
-- Neither waits for another request nor lets the tables grow.
WITH nonces AS (
    DELETE FROM trading.sign_in_nonces WHERE nonce IN (
        SELECT nonce FROM trading.sign_in_nonces WHERE expires_at <= %(now)s LIMIT 100 FOR UPDATE SKIP LOCKED)
), tokens AS (
    DELETE FROM trading.player_tokens WHERE token_hash IN (
        SELECT token_hash FROM trading.player_tokens WHERE expires_at <= %(now)s LIMIT 100 FOR UPDATE SKIP LOCKED)
)
DELETE FROM trading.request_rates WHERE key IN (
    SELECT key FROM trading.request_rates WHERE full_at <= %(now)s LIMIT 100 FOR UPDATE SKIP LOCKED)

-- name: count_request
-- A caller's bucket is the instant at which it will be full again; a request that finds no room leaves it, and no row.
INSERT INTO trading.request_rates AS known (key, full_at)
VALUES (%(key)s, %(now)s + %(interval)s)
ON CONFLICT (key) DO UPDATE SET full_at = greatest(known.full_at, %(now)s) + %(interval)s
 WHERE greatest(known.full_at, %(now)s) + %(interval)s <= %(now)s + %(room)s
RETURNING full_at

-- name: full_at
SELECT full_at FROM trading.request_rates WHERE key = %(key)s
