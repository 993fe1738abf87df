-- Who has seen a dead letter or an incident, who takes care of it, and what was said of it.

CREATE TABLE operations.triage (
    kind             text NOT NULL CHECK (kind IN ('dead-letter', 'incident')),
    target           text NOT NULL CHECK (target <> ''),
    acknowledged_at  timestamptz,
    acknowledged_by  text,
    assigned_to      text CHECK (assigned_to <> ''),
    PRIMARY KEY (kind, target),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
COMMENT ON TABLE operations.triage IS 'Who has seen a dead letter or an incident, and who takes care of it.';
COMMENT ON COLUMN operations.triage.target IS 'The id of the dead letter or incident.';
COMMENT ON COLUMN operations.triage.acknowledged_at IS
    'When somebody said that he has seen it; of a dead letter, what failed again later was not seen.';
COMMENT ON COLUMN operations.triage.assigned_to IS 'The subject of the person, such as local:ann; NULL for nobody.';

CREATE TABLE operations.comments (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text NOT NULL CHECK (kind IN ('dead-letter', 'incident')),
    target  text NOT NULL CHECK (target <> ''),
    at      timestamptz NOT NULL,
    author  text NOT NULL CHECK (author <> ''),
    text    text NOT NULL CHECK (text <> '')
);
COMMENT ON TABLE operations.comments IS 'What was said of a dead letter or an incident; rows are only added.';
CREATE INDEX comments_of_target ON operations.comments (kind, target, id);
