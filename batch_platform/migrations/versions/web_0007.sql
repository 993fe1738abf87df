-- Sessions of an OIDC provider: by which name it knows them, and what their roles are read again by.

CREATE TABLE web.oidc_sessions (
    id_hash       bytea PRIMARY KEY REFERENCES web.sessions ON DELETE CASCADE,
    sid           text,
    tokens        text NOT NULL,
    confirmed_at  timestamptz,
    asked_at      timestamptz,
    asking        boolean NOT NULL DEFAULT false
);
CREATE INDEX oidc_sessions_by_sid ON web.oidc_sessions (sid);
COMMENT ON TABLE web.oidc_sessions IS 'What sessions of an OIDC provider need beside those of local accounts.';
COMMENT ON COLUMN web.oidc_sessions.sid IS 'The provider''s name of the session, by which it ends it.';
COMMENT ON COLUMN web.oidc_sessions.tokens IS
    'Refresh token and hint of a logout, encrypted (JWE): the key is made of our secret and the id in the cookie.';
COMMENT ON COLUMN web.oidc_sessions.confirmed_at IS
    'When the provider last said which roles the person has; NULL where it gave nothing to ask it again by.';
COMMENT ON COLUMN web.oidc_sessions.asking IS
    'Whether a request has the provider asked again since asked_at; one at a time, for a refresh token is good once.';

CREATE TABLE web.logout_tokens (
    jti_hash    bytea PRIMARY KEY CHECK (length(jti_hash) = 32),
    expires_at  timestamptz NOT NULL
);
COMMENT ON TABLE web.logout_tokens IS 'Logouts that a provider has asked for: each counts once until it expires.';

-- what was begun before has nothing to read its roles again by
DELETE FROM web.sessions WHERE subject LIKE 'oidc:%';
