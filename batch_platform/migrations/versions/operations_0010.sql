-- The parts of the platform and their signs of life.

CREATE TABLE operations.components (
    name          text PRIMARY KEY CHECK (name <> ''),
    kind          text NOT NULL CHECK (kind IN ('monitor', 'service', 'worker')),
    registered_at timestamptz NOT NULL,
    alive_at      timestamptz,
    error         text,
    silent_from   timestamptz,
    silent_until  timestamptz
);
COMMENT ON TABLE operations.components IS 'What the platform is made of, and when each part last gave a sign of life.';
COMMENT ON COLUMN operations.components.alive_at IS 'Its last sign of life; NULL before the first.';
COMMENT ON COLUMN operations.components.error IS 'Why it did not answer when it was last asked.';
COMMENT ON COLUMN operations.components.silent_from IS 'Its last silence: the sign of life before it.';
