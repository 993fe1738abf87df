-- What alert rules judge. The truth is in DynamoDB: rows here may be deleted, and come back at the next look.

CREATE SCHEMA btc;
COMMENT ON SCHEMA btc IS 'Batches of DynamoDB as people are to be told of them.';

CREATE TABLE btc.batches (
    batch_id           text PRIMARY KEY,
    status             text NOT NULL CHECK (status IN ('pending', 'planned', 'processing', 'completed',
                                                       'completed_with_failures', 'failed', 'cancelled')),
    is_open            boolean NOT NULL,
    reverses           text,
    adjustment_rate    numeric NOT NULL,
    target_count       bigint NOT NULL CHECK (target_count >= 0),
    processed_count    bigint NOT NULL CHECK (processed_count >= 0),
    failed_count       bigint NOT NULL CHECK (failed_count >= 0),
    sum                numeric(38, 8),
    created_by         text NOT NULL,
    created_at         timestamptz NOT NULL,
    planned_at         timestamptz,
    approvals_missing  integer NOT NULL CHECK (approvals_missing >= 0),
    completed_at       timestamptz,
    error_message      text,
    changed_at         timestamptz NOT NULL,
    called             text NOT NULL GENERATED ALWAYS AS (
                           'batch ' || batch_id || CASE
                               WHEN reverses IS NULL THEN ' (' || trim_scale(adjustment_rate)::text || ' %)'
                               ELSE ', the reversal of ' || reverses
                           END) STORED
);
COMMENT ON TABLE btc.batches IS 'The batches as they were when somebody last looked at DynamoDB.';
COMMENT ON COLUMN btc.batches.is_open IS 'Whether it keeps others from starting; a closed one never changes again.';
COMMENT ON COLUMN btc.batches.reverses IS 'The batch whose amounts it takes back.';
COMMENT ON COLUMN btc.batches.adjustment_rate IS 'Percent; of a reversal, that of the batch it reverses, negated.';
COMMENT ON COLUMN btc.batches.target_count IS 'Users with a row, those whose amount is 0 too; 0 before the seal.';
COMMENT ON COLUMN btc.batches.processed_count IS 'Users who were booked; before the end, those known to be.';
COMMENT ON COLUMN btc.batches.failed_count IS 'Users whose row was refused.';
COMMENT ON COLUMN btc.batches.sum IS 'BTC: what was booked once it has ended, else what was planned.';
COMMENT ON COLUMN btc.batches.planned_at IS 'When its rows were sealed.';
COMMENT ON COLUMN btc.batches.approvals_missing IS 'How many people have to approve it before it is applied.';
COMMENT ON COLUMN btc.batches.changed_at IS 'When a change of it was last seen.';
COMMENT ON COLUMN btc.batches.called IS 'How sentences call it.';
CREATE INDEX batches_open ON btc.batches (batch_id) WHERE is_open;
CREATE INDEX batches_ended ON btc.batches (completed_at) WHERE NOT is_open;
