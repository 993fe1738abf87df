-- The web's own state. No password, session id or token is stored in a form that opens anything.

CREATE SCHEMA web;
COMMENT ON SCHEMA web IS 'Accounts, sessions, audit log and idempotency keys of the web.';

CREATE TABLE web.users (
    name            text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,62}$'),
    roles           text[] NOT NULL
                    CHECK (cardinality(roles) > 0 AND roles <@ '{viewer,operator,approver,administrator}'),
    password_hash   text NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    first_password  boolean NOT NULL DEFAULT false,
    enabled         boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    last_login_at   timestamptz
);
COMMENT ON TABLE web.users IS 'Local accounts; those of an OIDC provider are not kept here.';
COMMENT ON COLUMN web.users.first_password IS
    'Whether the password was made by the platform and nobody has signed in with it yet.';

CREATE TABLE web.sessions (
    id_hash     bytea PRIMARY KEY CHECK (length(id_hash) = 32),
    subject     text NOT NULL CHECK (subject <> ''),
    name        text NOT NULL,
    user_name   text REFERENCES web.users ON DELETE CASCADE,
    roles       text[],
    address     text NOT NULL,
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    CHECK ((user_name IS NULL) <> (roles IS NULL))
);
CREATE INDEX sessions_of_user ON web.sessions (user_name);
CREATE INDEX sessions_by_expiry ON web.sessions (expires_at);
COMMENT ON TABLE web.sessions IS 'Signed-in browsers. A revoked session is a deleted row.';
COMMENT ON COLUMN web.sessions.id_hash IS 'SHA-256 of the random id in the cookie.';
COMMENT ON COLUMN web.sessions.roles IS 'Roles an OIDC provider gave; local accounts are asked at every request.';
COMMENT ON COLUMN web.sessions.expires_at IS 'The end whatever happens; an idle session ends earlier.';

CREATE TABLE web.login_attempts (
    key           text PRIMARY KEY,
    failures      integer NOT NULL CHECK (failures >= 0),
    failed_at     timestamptz NOT NULL,
    locked_until  timestamptz
);
CREATE INDEX login_attempts_by_time ON web.login_attempts (failed_at);
COMMENT ON TABLE web.login_attempts IS
    'Failed logins per account name (known or not) and per address. An attempt counts as failed until it succeeds.';

CREATE TABLE web.audit_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    who             text NOT NULL CHECK (who <> ''),
    what            text NOT NULL CHECK (what ~ '^[a-z][a-z-]*\.[a-z][a-z-]*$'),
    target          text NOT NULL,
    before          jsonb,
    after           jsonb,
    correlation_id  text
);
CREATE INDEX audit_log_by_who ON web.audit_log (who, id);
CREATE INDEX audit_log_by_what ON web.audit_log (what, id);
CREATE INDEX audit_log_by_time ON web.audit_log (at);
COMMENT ON TABLE web.audit_log IS 'Every change a person or program made through us. Rows are only ever added.';
COMMENT ON COLUMN web.audit_log.who IS 'Subject: local:<account>, oidc:<subject>, token:<name> or cli:<system user>.';
COMMENT ON COLUMN web.audit_log.what IS 'thing.verb, e.g. user.add.';
COMMENT ON COLUMN web.audit_log.correlation_id IS 'X-Request-ID of the request; it is in the log too.';

CREATE FUNCTION web.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON web.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION web.refuse_change();

CREATE TABLE web.idempotency_keys (
    id                bytea PRIMARY KEY CHECK (length(id) = 32),
    request_hash      bytea NOT NULL CHECK (length(request_hash) = 32),
    owner             text NOT NULL,
    lease_expires_at  timestamptz NOT NULL,
    status            integer,
    headers           jsonb,
    body              bytea,
    expires_at        timestamptz NOT NULL,
    CHECK ((status IS NULL) = (headers IS NULL) AND (status IS NULL) = (body IS NULL))
);
CREATE INDEX idempotency_keys_by_expiry ON web.idempotency_keys (expires_at);
COMMENT ON TABLE web.idempotency_keys IS
    'Writes by Idempotency-Key: in the hands of a process until its lease ends, then with the answer it gave.';
COMMENT ON COLUMN web.idempotency_keys.id IS 'SHA-256 of principal, method, path and key.';
COMMENT ON COLUMN web.idempotency_keys.status IS 'HTTP status of the stored answer; NULL while the work is under way.';
