-- Pauses of everything that starts by itself: maintenance windows.

CREATE TABLE operations.pauses (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason      text NOT NULL CHECK (reason <> ''),
    declared_by text NOT NULL,
    begins_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > begins_at),
    ended_at    timestamptz CHECK (ended_at >= begins_at AND ended_at <= ends_at),
    ended_by    text,
    end_reason  text CHECK (end_reason <> ''),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
COMMENT ON TABLE operations.pauses IS 'Maintenance windows: schedules and sensors launch nothing in them.';
COMMENT ON COLUMN operations.pauses.ends_at IS 'When it ends by itself.';
COMMENT ON COLUMN operations.pauses.ended_at IS 'When somebody ended it before.';

CREATE TABLE operations.paused_moments (
    pause_id   bigint NOT NULL REFERENCES operations.pauses,
    job        text NOT NULL,
    trigger    text NOT NULL,
    due_at     timestamptz NOT NULL,
    settled_at timestamptz,
    run_ids    text[],
    PRIMARY KEY (trigger, due_at),
    CHECK ((settled_at IS NULL) = (run_ids IS NULL))
);
COMMENT ON TABLE operations.paused_moments IS 'The moments of schedules that fell into a pause.';
COMMENT ON COLUMN operations.paused_moments.settled_at IS 'When the schedule was asked again, after the pause.';
COMMENT ON COLUMN operations.paused_moments.run_ids IS
    'What was launched for it; empty where there was nothing to do, or where a newer moment stands for it.';
CREATE INDEX paused_moments_unsettled ON operations.paused_moments (trigger, due_at) WHERE settled_at IS NULL;
