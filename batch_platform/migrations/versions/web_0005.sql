-- Failed sign-ins slow an account at one place, not everywhere; where people have signed in before is known.

DROP TABLE web.login_attempts;
CREATE TABLE web.login_attempts (
    account       text NOT NULL,
    place         text NOT NULL,
    failures      integer NOT NULL CHECK (failures >= 0),
    failed_at     timestamptz NOT NULL,
    locked_until  timestamptz,
    PRIMARY KEY (account, place),
    CHECK (account <> '' OR place <> '')
);
CREATE INDEX login_attempts_by_place ON web.login_attempts (place);
CREATE INDEX login_attempts_by_time ON web.login_attempts (failed_at);
COMMENT ON TABLE web.login_attempts IS
    'Failed sign-ins by account (known or not) and place. An attempt counts as failed until it succeeds.';
COMMENT ON COLUMN web.login_attempts.account IS
    'SHA-256 of the name that was typed, which may be a password; empty: of all accounts together.';
COMMENT ON COLUMN web.login_attempts.place IS
    'An address (of IPv6 its /64) or browser:<SHA-256 of its id>; empty: of all places together.';

CREATE TABLE web.known_places (
    user_name  text NOT NULL REFERENCES web.users ON DELETE CASCADE,
    place      text NOT NULL CHECK (place <> ''),
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (user_name, place)
);
COMMENT ON TABLE web.known_places IS
    'Addresses and browsers from which a person has signed in: what strangers try elsewhere does not slow them.';
