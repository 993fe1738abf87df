-- Backfills: the runs of one job over a range of days. The intent is written whole; the runs are asked for a few at a
-- time, each under the id that stands here, so that whoever is killed in between is taken over by another.

CREATE TABLE operations.backfills (
    id           text PRIMARY KEY,
    job          text NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    parameters   jsonb NOT NULL,
    requested_by text NOT NULL,
    created_at   timestamptz NOT NULL,
    canceled_at  timestamptz,
    canceled_by  text,
    CHECK (first_day <= last_day),
    CHECK ((canceled_at IS NULL) = (canceled_by IS NULL))
);
CREATE INDEX backfills_by_job ON operations.backfills (job, created_at);
COMMENT ON TABLE operations.backfills IS 'Runs of a job over a range of days, asked for by a person.';
COMMENT ON COLUMN operations.backfills.parameters IS 'The job''s other parameters, the same for every day.';

CREATE TABLE operations.backfill_runs (
    backfill_id text NOT NULL REFERENCES operations.backfills ON DELETE CASCADE,
    day         date NOT NULL,
    partition   text NOT NULL,
    run_id      text NOT NULL UNIQUE,
    asked_at    timestamptz,
    refusal     text,
    PRIMARY KEY (backfill_id, day)
);
CREATE INDEX backfill_runs_waiting ON operations.backfill_runs (backfill_id, day) WHERE asked_at IS NULL;
COMMENT ON TABLE operations.backfill_runs IS 'The runs of a backfill, one for each partition of its days.';
COMMENT ON COLUMN operations.backfill_runs.day IS 'The target date that chooses the partition.';
COMMENT ON COLUMN operations.backfill_runs.asked_at IS 'When somebody took it in hand; NULL: it waits.';
COMMENT ON COLUMN operations.backfill_runs.refusal IS 'Why it could not be asked for; NULL: it could, or was not tried.';

-- How each run of a backfill stands: as the ledger says, or before that it waits, was refused, or was canceled unasked.
CREATE VIEW operations.backfill_states AS
SELECT r.backfill_id, r.day, r.partition, r.run_id,
       coalesce(j.status, CASE WHEN r.refusal IS NOT NULL THEN 'failure'
                               WHEN b.canceled_at IS NOT NULL THEN 'canceled'
                               WHEN r.asked_at IS NOT NULL THEN 'queued' ELSE 'planned' END) AS status,
       coalesce(j.cause, r.refusal) AS cause, j.started_at, j.ended_at
FROM operations.backfill_runs r
JOIN operations.backfills b ON b.id = r.backfill_id
LEFT JOIN operations.job_runs j ON j.run_id = r.run_id;
COMMENT ON VIEW operations.backfill_states IS 'How each run of each backfill stands.';
