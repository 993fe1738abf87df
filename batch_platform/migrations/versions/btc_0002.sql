ALTER TABLE btc.batches ADD COLUMN approved_by jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(approved_by) = 'array');
COMMENT ON COLUMN btc.batches.approved_by IS 'The accounts that have approved it.';
