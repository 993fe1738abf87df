-- Notices: what is told once, such as the end of a batch. They stand beside the incidents and are never open.

ALTER TABLE operations.incidents
    DROP CONSTRAINT incidents_severity_check,
    ADD CONSTRAINT incidents_severity_check CHECK (severity IN ('critical', 'warning', 'info')),
    ADD COLUMN notice boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT incidents_notice_check CHECK (NOT notice OR resolved_at IS NOT NULL);
COMMENT ON COLUMN operations.incidents.notice IS
    'Told once and resolved at once, without a second message. One row per rule and subject for ever.';
CREATE UNIQUE INDEX incidents_noticed ON operations.incidents (rule, subject) WHERE notice;
