-- Where the truth is another system's, the row is written before as an intent, and its outcome afterwards.

DROP TRIGGER append_only ON web.audit_log;

ALTER TABLE web.audit_log ADD COLUMN outcome text;
ALTER TABLE web.audit_log ADD COLUMN settled_at timestamptz;
UPDATE web.audit_log SET settled_at = at;
ALTER TABLE web.audit_log ADD CHECK (outcome IS NULL OR settled_at IS NOT NULL);
CREATE INDEX audit_log_unsettled ON web.audit_log (id) WHERE settled_at IS NULL;
COMMENT ON TABLE web.audit_log IS
    'Every change a person or program made through us. Rows are only ever added; an intent gets its outcome, once.';
COMMENT ON COLUMN web.audit_log.outcome IS
    'What became of an intent; NULL of a row that was written in the transaction of the change itself.';
COMMENT ON COLUMN web.audit_log.settled_at IS
    'When the change was known to be done or refused; NULL: whoever intended it was killed, or is still at it.';

CREATE FUNCTION web.refuse_all_but_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.settled_at IS NOT NULL OR NEW.settled_at IS NULL
       OR to_jsonb(NEW) - '{outcome,settled_at}'::text[] <> to_jsonb(OLD) - '{outcome,settled_at}'::text[] THEN
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON web.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION web.refuse_change();
CREATE TRIGGER outcome_only BEFORE UPDATE ON web.audit_log
    FOR EACH ROW EXECUTE FUNCTION web.refuse_all_but_outcome();
