-- A second factor beside the password: codes of an authenticator (RFC 6238), and codes on paper for when it is lost.

CREATE TABLE web.second_factors (
    user_name    text PRIMARY KEY REFERENCES web.users ON DELETE CASCADE,
    secret       bytea NOT NULL,
    last_step    bigint NOT NULL,
    enrolled_at  timestamptz NOT NULL
);
COMMENT ON COLUMN web.second_factors.secret IS 'Encrypted by a key that BATCH_PLATFORM_SECRET makes.';
COMMENT ON COLUMN web.second_factors.last_step IS 'The 30 seconds whose code was used last; no code is good twice.';

CREATE TABLE web.recovery_codes (
    user_name  text NOT NULL REFERENCES web.second_factors ON DELETE CASCADE,
    code_hash  bytea NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (user_name, code_hash)
);
COMMENT ON TABLE web.recovery_codes IS 'Keyed hashes of the codes that are left; each is good once.';

ALTER TABLE web.sessions ADD COLUMN second_factor boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN web.sessions.second_factor IS 'Whether it was shown; where the account has one, nothing opens before.';
