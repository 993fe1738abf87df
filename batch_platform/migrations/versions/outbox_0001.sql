-- The outbox: what is to be told to people outside the platform, written in the transaction of the fact it tells of.

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'Notices by mail, in the app and by SMS, and whom they may reach.';

CREATE TABLE outbox.notices (
    id               uuid PRIMARY KEY DEFAULT uuidv7(),
    number           bigint NOT NULL GENERATED ALWAYS AS IDENTITY UNIQUE,
    domain           text NOT NULL,
    key              text NOT NULL,
    channel          text NOT NULL CHECK (channel IN ('mail', 'in_app', 'sms')),
    category         text NOT NULL CHECK (category IN ('transactional', 'advertising')),
    template         text NOT NULL,
    parameters       jsonb NOT NULL,
    recipient        text NOT NULL,
    state            text NOT NULL CHECK (state IN ('pending', 'sending', 'accepted', 'delivered', 'bounced',
                                                    'suppressed', 'skipped', 'failed')),
    reason           text,
    detail           text,
    subject          text,
    body_text        text,
    body_html        text,
    message_id       text UNIQUE,
    provider_id      text,
    attempts         integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at  timestamptz NOT NULL,
    unknown_since    timestamptz,
    lease_owner      text,
    lease_until      timestamptz,
    fence            bigint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL,
    attempted_at     timestamptz,
    accepted_at      timestamptz,
    settled_at       timestamptz,
    read_at          timestamptz,
    cleared_at       timestamptz,
    UNIQUE (domain, key),
    CHECK ((state = 'sending') = (lease_owner IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
    CHECK (state <> 'sending' OR message_id IS NOT NULL),
    CHECK (channel <> 'in_app' OR state = 'delivered')
);
COMMENT ON TABLE outbox.notices IS 'One row per notice: pending, sending, accepted, delivered or bounced; or none.';
COMMENT ON COLUMN outbox.notices.number IS 'In the link by which advertising is declined: a uuid would make it too long.';
COMMENT ON COLUMN outbox.notices.key IS 'Names the fact and whom it is told to: the same fact gives one row.';
COMMENT ON COLUMN outbox.notices.template IS 'The template of that domain which it is rendered with.';
COMMENT ON COLUMN outbox.notices.recipient IS
    'An address, a number in E.164, or in the app whom the domain knows by it.';
COMMENT ON COLUMN outbox.notices.reason IS 'Why it was suppressed, skipped, bounced or failed, or is tried again.';
COMMENT ON COLUMN outbox.notices.detail IS 'What the provider or the template said, without secrets.';
COMMENT ON COLUMN outbox.notices.subject IS 'As it was rendered for its first attempt; later ones send the same.';
COMMENT ON COLUMN outbox.notices.message_id IS 'The Message-ID, fixed before the first attempt.';
COMMENT ON COLUMN outbox.notices.unknown_since IS
    'When an attempt ended without anybody knowing whether it was accepted; the provider is asked before the next.';
COMMENT ON COLUMN outbox.notices.fence IS 'Raised by each claim: a worker that comes late writes nothing.';
COMMENT ON COLUMN outbox.notices.cleared_at IS
    'When parameters and text were deleted, long after; the row stays, for its key keeps the fact from being told again.';
CREATE INDEX notices_due ON outbox.notices (next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX notices_leased ON outbox.notices (lease_until) WHERE state = 'sending';
CREATE INDEX notices_failed ON outbox.notices (domain) WHERE state = 'failed';
CREATE INDEX notices_in_state ON outbox.notices (state, id);
CREATE INDEX notices_of_recipient ON outbox.notices (recipient, domain, channel, id);
CREATE INDEX notices_advertised ON outbox.notices (channel, recipient, attempted_at)
    WHERE category = 'advertising' AND state IN ('sending', 'accepted', 'delivered', 'bounced');
CREATE INDEX notices_settled ON outbox.notices (settled_at) WHERE cleared_at IS NULL;

CREATE TABLE outbox.suppressions (
    channel     text NOT NULL CHECK (channel IN ('mail', 'sms')),
    recipient   text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('bounce', 'complaint', 'manual')),
    detail      text,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    PRIMARY KEY (channel, recipient)
);
COMMENT ON TABLE outbox.suppressions IS 'Whom nothing is sent to, whatever it is.';

CREATE TABLE outbox.consents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain      text NOT NULL,
    channel     text NOT NULL CHECK (channel IN ('mail', 'sms')),
    recipient   text NOT NULL,
    granted     boolean NOT NULL,
    source      text NOT NULL,
    at          timestamptz NOT NULL
);
COMMENT ON TABLE outbox.consents IS
    'Who agreed to advertising, or declined it: rows are only added, the newest counts, none is no consent.';
COMMENT ON COLUMN outbox.consents.source IS 'Where it was said: a form, a contract, the link of a notice.';
CREATE INDEX consents_newest ON outbox.consents (domain, channel, recipient, id DESC);

-- The one way in, for SQL and for Python. A key that is there already gives no row; nothing that users have typed
-- (an address, a name) can make it fail, and with it the transaction of the fact.
CREATE FUNCTION outbox.enqueue(domain text, notices jsonb, at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
    WITH added AS (
        INSERT INTO outbox.notices (domain, key, channel, category, template, parameters, recipient, state,
                                    next_attempt_at, created_at, accepted_at, settled_at)
        SELECT enqueue.domain, n.key, n.channel, coalesce(n.category, 'transactional'), n.template,
               coalesce(n.parameters, '{}'), n.recipient,
               CASE n.channel WHEN 'in_app' THEN 'delivered' ELSE 'pending' END,
               greatest(n.not_before, enqueue.at), enqueue.at,
               CASE n.channel WHEN 'in_app' THEN enqueue.at END,
               CASE n.channel WHEN 'in_app' THEN enqueue.at END
          FROM jsonb_to_recordset(enqueue.notices)
               AS n(key text, channel text, category text, template text, parameters jsonb, recipient text,
                    not_before timestamptz)
         ORDER BY n.key
        ON CONFLICT ON CONSTRAINT notices_domain_key_key DO NOTHING
        RETURNING 1)
    SELECT count(*) FROM added
$$;
COMMENT ON FUNCTION outbox.enqueue IS
    'Add notices of a domain: [{key, channel, template, recipient, parameters?, category?, not_before?}]; how many.';
