-- Whoever was killed and tries again under the same key meets the row of the first try.

ALTER TABLE web.audit_log ADD COLUMN key text;
CREATE UNIQUE INDEX audit_log_by_key ON web.audit_log (key) WHERE settled_at IS NULL OR outcome = 'done';
COMMENT ON COLUMN web.audit_log.key IS
    'Names one write of one person. A row that was refused or failed gives its key free for another try.';

CREATE OR REPLACE FUNCTION web.refuse_all_but_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later CONSTANT text[] := '{outcome,settled_at,target,after}';
BEGIN
    IF OLD.settled_at IS NOT NULL OR NEW.settled_at IS NULL OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later THEN
        RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
