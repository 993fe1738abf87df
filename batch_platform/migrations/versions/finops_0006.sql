ALTER TABLE finops.finops_billing_files ADD COLUMN error jsonb;
COMMENT ON COLUMN finops.finops_billing_files.error IS
    'The message of error_message: id, text, parameters. NULL: there is only the sentence, as in old rows.';
