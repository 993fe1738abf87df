-- How players sign in by their wallets. No token is stored in a form that opens anything; nonces open nothing.

CREATE TABLE trading.sign_in_nonces (
    nonce          text PRIMARY KEY,
    wallet_address text NOT NULL,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > issued_at)
);
CREATE INDEX sign_in_nonces_of_wallet ON trading.sign_in_nonces (wallet_address, issued_at);
CREATE INDEX sign_in_nonces_by_expiry ON trading.sign_in_nonces (expires_at);
COMMENT ON TABLE trading.sign_in_nonces IS 'What wallets are asked to sign. A nonce that was used is a deleted row.';

CREATE TABLE trading.player_tokens (
    token_hash     bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    wallet_address text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > created_at)
);
CREATE INDEX player_tokens_by_expiry ON trading.player_tokens (expires_at);
COMMENT ON TABLE trading.player_tokens IS 'Bearer tokens of players. One that was taken back is a deleted row.';
COMMENT ON COLUMN trading.player_tokens.token_hash IS 'SHA-256 of the token.';

CREATE UNLOGGED TABLE trading.request_rates (
    key     text PRIMARY KEY,
    full_at timestamptz NOT NULL
);
CREATE INDEX request_rates_by_time ON trading.request_rates (full_at);
COMMENT ON TABLE trading.request_rates IS 'How often somebody has asked for something. A crash of the server forgets it.';
COMMENT ON COLUMN trading.request_rates.key IS 'The quota and the caller.';
COMMENT ON COLUMN trading.request_rates.full_at IS 'When the caller may again ask as often at once as the quota allows.';
