-- Beside each English sentence its message: id, text and parameters. NULL: there is only the sentence, as in old rows.

ALTER TABLE operations.triggers ADD COLUMN last_tick_error_message jsonb, ADD COLUMN calendar_error_message jsonb;
COMMENT ON COLUMN operations.triggers.last_tick_error_message IS 'The message of the error: id, text, parameters.';
COMMENT ON COLUMN operations.triggers.calendar_error_message IS 'The message of the error: id, text, parameters.';

ALTER TABLE operations.comments ADD COLUMN text_message jsonb;
COMMENT ON COLUMN operations.comments.text_message IS 'The message of what the monitor says; NULL: a person said it.';
