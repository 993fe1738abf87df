-- A reason is kept as the message it is, beside its English, so that everybody reads it in their language.

ALTER TABLE zengin.changesets ADD COLUMN message text;
COMMENT ON COLUMN zengin.changesets.message IS 'The reason as a message in JSON; NULL for what was written before.';
ALTER TABLE zengin.transitions ADD COLUMN message text;
COMMENT ON COLUMN zengin.transitions.message IS
    'The reason as a message in JSON; NULL for what people write, and what was written before.';
