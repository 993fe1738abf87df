-- Beside each English sentence its message: id, text and parameters. NULL: there is only the sentence, as in old rows.

ALTER TABLE operations.job_runs ADD COLUMN cause_message jsonb;
ALTER TABLE operations.dead_letters ADD COLUMN cause_message jsonb;
ALTER TABLE operations.incidents ADD COLUMN summary_message jsonb, ADD COLUMN resolution_message jsonb;
COMMENT ON COLUMN operations.job_runs.cause_message IS 'The message of the cause: id, text, parameters.';
COMMENT ON COLUMN operations.dead_letters.cause_message IS 'The message of the cause: id, text, parameters.';
COMMENT ON COLUMN operations.incidents.summary_message IS 'The message of the summary: id, text, parameters.';
COMMENT ON COLUMN operations.incidents.resolution_message IS 'The message of the resolution: id, text, parameters.';

ALTER TABLE operations.backfill_runs ADD COLUMN refusal_message jsonb;
COMMENT ON COLUMN operations.backfill_runs.refusal_message IS 'The message of the refusal: id, text, parameters.';

ALTER TABLE operations.components ADD COLUMN error_message jsonb;
COMMENT ON COLUMN operations.components.error_message IS 'The message of the error: id, text, parameters.';

CREATE OR REPLACE VIEW operations.backfill_states AS
SELECT r.backfill_id, r.day, r.partition, r.run_id,
       coalesce(j.status, CASE WHEN r.refusal IS NOT NULL THEN 'failure'
                               WHEN b.canceled_at IS NOT NULL THEN 'canceled'
                               WHEN r.asked_at IS NOT NULL THEN 'queued' ELSE 'planned' END) AS status,
       coalesce(j.cause, r.refusal) AS cause, j.started_at, j.ended_at,
       CASE WHEN j.cause IS NULL THEN r.refusal_message ELSE j.cause_message END AS cause_message
FROM operations.backfill_runs r
JOIN operations.backfills b ON b.id = r.backfill_id
LEFT JOIN operations.job_runs j ON j.run_id = r.run_id;
