-- API tokens: what is known of each, never the token itself.

CREATE TABLE web.tokens (
    id             text PRIMARY KEY CHECK (id <> ''),
    name           text NOT NULL CHECK (name <> ''),
    owner          text CHECK (owner <> ''),
    roles          text[] NOT NULL
                   CHECK (cardinality(roles) > 0 AND roles <@ '{viewer,operator,approver,administrator}'),
    made_by        text,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    first_used_at  timestamptz,
    last_used_at   timestamptz,
    revoked_at     timestamptz,
    revoked_by     text,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX tokens_of_owner ON web.tokens (owner, created_at);
CREATE INDEX tokens_by_expiry ON web.tokens (expires_at);
COMMENT ON TABLE web.tokens IS 'API tokens by their jti. One that is not here yet is entered when it is first used.';
COMMENT ON COLUMN web.tokens.owner IS
    'Subject of the person it acts as, with no more than that one''s roles; NULL of a program''s own token.';
COMMENT ON COLUMN web.tokens.made_by IS 'Subject of who made it; NULL of one that was met before it was entered.';
COMMENT ON COLUMN web.tokens.last_used_at IS 'To the minute.';

CREATE INDEX audit_log_by_via ON web.audit_log ((after ->> 'via'), id) WHERE after ? 'via';
