-- Reports of a month, for companies and for those who operate the SaaS.

CREATE TABLE staffing.reports (
    id          uuid PRIMARY KEY DEFAULT uuidv7(),
    month       date NOT NULL CHECK (extract(day FROM month) = 1),
    kind        text NOT NULL CHECK (kind IN ('company', 'system', 'engineer-activity', 'revenue')),
    company_id  text,
    version     integer NOT NULL CHECK (version >= 1),
    state       text NOT NULL CHECK (state IN ('complete', 'incomplete', 'failed')),
    reason      text,
    sha256      text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    object_key  text,
    bytes       bigint CHECK (bytes > 0),
    pages       integer CHECK (pages >= 1),
    mailed_to   text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    CHECK ((kind = 'company') = (company_id IS NOT NULL)),
    CHECK ((state = 'complete') = (reason IS NULL)),
    CHECK (num_nulls(sha256, object_key, bytes, pages) = CASE state WHEN 'failed' THEN 4 ELSE 0 END),
    CONSTRAINT reports_versions UNIQUE NULLS NOT DISTINCT (month, kind, company_id, version)
);
COMMENT ON TABLE staffing.reports IS
    'Each version of a report: a run adds one where data, and so the bytes, or the reason have changed.';
COMMENT ON COLUMN staffing.reports.state IS
    'incomplete: days or invoices of the month are missing, which the report says too; failed: there is no PDF.';
COMMENT ON COLUMN staffing.reports.reason IS 'What is missing, or why it failed, as a message in JSON.';
COMMENT ON COLUMN staffing.reports.object_key IS 'In the bucket of files, under its hash.';
COMMENT ON COLUMN staffing.reports.mailed_to IS 'Addresses that a mail was handed to the outbox for.';
CREATE INDEX reports_of_company ON staffing.reports (company_id, month) WHERE company_id IS NOT NULL;
