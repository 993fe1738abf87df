-- Staffing: the nightly backup of this database and of the SaaS's files. What a backup holds stands in its manifest,
-- which lies with it; here is how far each night has come, and what proved it.

CREATE TABLE staffing.backups (
    night            date PRIMARY KEY,
    state            text NOT NULL CHECK (state IN ('running', 'stored', 'verified', 'failed', 'deleted')),
    attempt          integer NOT NULL CHECK (attempt > 0),
    worker           text,
    lease_until      timestamptz,
    started_at       timestamptz NOT NULL,
    stored_at        timestamptz,
    verified_at      timestamptz,
    deleted_at       timestamptz,
    manifest_sha256  text,
    objects          jsonb NOT NULL DEFAULT '{}',
    tables           integer,
    rows             bigint,
    files            integer,
    bytes            bigint,
    missing_files    integer,
    error            text,
    CHECK (state NOT IN ('stored', 'verified') OR manifest_sha256 IS NOT NULL)
);
COMMENT ON TABLE staffing.backups IS 'A row a night; each attempt raises `attempt`, so that a late worker changes nothing.';
COMMENT ON COLUMN staffing.backups.night IS 'The Tokyo day on which it was taken.';
COMMENT ON COLUMN staffing.backups.worker IS 'Who holds the lease, while somebody works on it.';
COMMENT ON COLUMN staffing.backups.objects IS 'SHA-256 and bytes of each object as it was stored, by name.';
COMMENT ON COLUMN staffing.backups.bytes IS 'Of all objects, encrypted.';
COMMENT ON COLUMN staffing.backups.missing_files IS 'Rows of files whose object was not in the bucket.';

CREATE TABLE staffing.backup_proofs (
    proof_no   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    night      date NOT NULL REFERENCES staffing.backups,
    attempt    integer NOT NULL,
    site       text NOT NULL,
    at         timestamptz NOT NULL,
    seconds    numeric NOT NULL,
    passed     boolean NOT NULL,
    faults     jsonb NOT NULL,
    tables     integer NOT NULL,
    rows       bigint NOT NULL,
    files      integer NOT NULL,
    amcheck    text NOT NULL
);
COMMENT ON TABLE staffing.backup_proofs IS 'Each time a backup was read back, decrypted, restored and compared.';
COMMENT ON COLUMN staffing.backup_proofs.site IS 'Where the bytes that were restored came from.';
COMMENT ON COLUMN staffing.backup_proofs.faults IS 'Kind, subject, text and site of each; empty when it passed.';
CREATE INDEX backup_proofs_night ON staffing.backup_proofs (night, proof_no);
