-- The bank master and everything that leads to a change of it. Codes are text with leading zeros; names are kept
-- exactly as the source wrote them. Two codes name a row, so a row's key is written "0001" or "0001-001".

CREATE SCHEMA zengin;
COMMENT ON SCHEMA zengin IS 'Banks and branches of the zengin network: proposed by machine, approved by people.';

CREATE TABLE zengin.banks (
    bank_code   char(4) PRIMARY KEY CHECK (bank_code ~ '^[0-9]{4}$'),
    bank_name   varchar(100) NOT NULL CHECK (bank_name <> ''),
    bank_kana   varchar(100),
    bank_hira   varchar(100),
    bank_roma   varchar(100),
    search      text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_banks_name ON zengin.banks (bank_name);
CREATE INDEX banks_without_search ON zengin.banks (bank_code) WHERE search IS NULL;
COMMENT ON TABLE zengin.banks IS 'Banks as they are now.';
COMMENT ON COLUMN zengin.banks.search IS
    'Name, kana and roman letters folded for search; NULL after an edit by hand, until somebody folds it again.';

CREATE TABLE zengin.branches (
    bank_code    char(4) NOT NULL REFERENCES zengin.banks,
    branch_code  char(3) NOT NULL CHECK (branch_code ~ '^[0-9]{3}$'),
    branch_name  varchar(100) NOT NULL CHECK (branch_name <> ''),
    branch_kana  varchar(100),
    branch_hira  varchar(100),
    branch_roma  varchar(100),
    search       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bank_code, branch_code)
);
CREATE INDEX idx_branches_name ON zengin.branches (branch_name);
CREATE INDEX branches_without_search ON zengin.branches (bank_code, branch_code) WHERE search IS NULL;
COMMENT ON TABLE zengin.branches IS 'Branches as they are now. The primary key serves lookups by bank too.';

-- Validity: which row stood on which business date. Kept by triggers, so an edit by hand is in it as well.

CREATE TABLE zengin.bank_history (
    bank_code    char(4) NOT NULL,
    bank_name    varchar(100) NOT NULL,
    bank_kana    varchar(100),
    bank_hira    varchar(100),
    bank_roma    varchar(100),
    search       text,
    valid_from   date NOT NULL,
    valid_to     date CHECK (valid_to >= valid_from),
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX bank_history_open ON zengin.bank_history (bank_code) WHERE valid_to IS NULL;
CREATE INDEX bank_history_of_key ON zengin.bank_history (bank_code, valid_to);
CREATE INDEX bank_history_ended ON zengin.bank_history (valid_to) WHERE valid_to IS NOT NULL;
COMMENT ON TABLE zengin.bank_history IS 'Every bank with the business dates on which it stood so.';
COMMENT ON COLUMN zengin.bank_history.valid_to IS
    'First date on which it no longer stood; NULL while it stands. Equal to valid_from: replaced on the same day.';

CREATE TABLE zengin.branch_history (
    bank_code    char(4) NOT NULL,
    branch_code  char(3) NOT NULL,
    branch_name  varchar(100) NOT NULL,
    branch_kana  varchar(100),
    branch_hira  varchar(100),
    branch_roma  varchar(100),
    search       text,
    valid_from   date NOT NULL,
    valid_to     date CHECK (valid_to >= valid_from),
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX branch_history_open ON zengin.branch_history (bank_code, branch_code) WHERE valid_to IS NULL;
CREATE INDEX branch_history_of_key ON zengin.branch_history (bank_code, branch_code, valid_to);
CREATE INDEX branch_history_ended ON zengin.branch_history (valid_to) WHERE valid_to IS NOT NULL;
COMMENT ON TABLE zengin.branch_history IS 'Every branch with the business dates on which it stood so.';

CREATE FUNCTION zengin.business_date() RETURNS date LANGUAGE sql STABLE
RETURN coalesce(nullif(current_setting('zengin.business_date', true), '')::date,
                (now() AT TIME ZONE 'Asia/Tokyo')::date);
COMMENT ON FUNCTION zengin.business_date() IS 'The date an apply works for; for anybody else today in Japan.';

-- Planned anew at each statement: a plan kept from an edit of one row would compare thousands with thousands.
CREATE FUNCTION zengin.keep_bank_history() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    today CONSTANT date := zengin.business_date();
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE zengin.bank_history AS kept SET valid_to = greatest(today, kept.valid_from)
        FROM before_rows AS gone
        WHERE kept.bank_code = gone.bank_code AND kept.valid_to IS NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE zengin.bank_history AS kept SET valid_to = greatest(today, kept.valid_from)
        FROM before_rows AS gone
        WHERE kept.bank_code = gone.bank_code AND kept.valid_to IS NULL
          AND NOT EXISTS (
              SELECT FROM after_rows AS came
              WHERE came.bank_code = gone.bank_code
                AND (came.bank_name, came.bank_kana, came.bank_hira, came.bank_roma)
                    IS NOT DISTINCT FROM (gone.bank_name, gone.bank_kana, gone.bank_hira, gone.bank_roma));
        INSERT INTO zengin.bank_history (
            bank_code, bank_name, bank_kana, bank_hira, bank_roma, search, valid_from)
        SELECT came.bank_code, came.bank_name, came.bank_kana, came.bank_hira, came.bank_roma, came.search,
               greatest(today, later.valid_to)
        FROM after_rows AS came
        LEFT JOIN (
            SELECT kept.bank_code, max(kept.valid_to) AS valid_to FROM zengin.bank_history AS kept
            WHERE kept.valid_to > today
            GROUP BY kept.bank_code
        ) AS later USING (bank_code)
        WHERE NOT EXISTS (
            SELECT FROM before_rows AS gone
            WHERE gone.bank_code = came.bank_code
              AND (came.bank_name, came.bank_kana, came.bank_hira, came.bank_roma)
                  IS NOT DISTINCT FROM (gone.bank_name, gone.bank_kana, gone.bank_hira, gone.bank_roma));
    ELSE
        INSERT INTO zengin.bank_history (
            bank_code, bank_name, bank_kana, bank_hira, bank_roma, search, valid_from)
        SELECT came.bank_code, came.bank_name, came.bank_kana, came.bank_hira, came.bank_roma, came.search,
               greatest(today, later.valid_to)
        FROM after_rows AS came
        LEFT JOIN (
            SELECT kept.bank_code, max(kept.valid_to) AS valid_to FROM zengin.bank_history AS kept
            WHERE kept.valid_to > today
            GROUP BY kept.bank_code
        ) AS later USING (bank_code);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION zengin.keep_branch_history() RETURNS trigger LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    today CONSTANT date := zengin.business_date();
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE zengin.branch_history AS kept SET valid_to = greatest(today, kept.valid_from)
        FROM before_rows AS gone
        WHERE kept.bank_code = gone.bank_code AND kept.branch_code = gone.branch_code AND kept.valid_to IS NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE zengin.branch_history AS kept SET valid_to = greatest(today, kept.valid_from)
        FROM before_rows AS gone
        WHERE kept.bank_code = gone.bank_code AND kept.branch_code = gone.branch_code AND kept.valid_to IS NULL
          AND NOT EXISTS (
              SELECT FROM after_rows AS came
              WHERE came.bank_code = gone.bank_code AND came.branch_code = gone.branch_code
                AND (came.branch_name, came.branch_kana, came.branch_hira, came.branch_roma)
                    IS NOT DISTINCT FROM (gone.branch_name, gone.branch_kana, gone.branch_hira, gone.branch_roma));
        INSERT INTO zengin.branch_history (
            bank_code, branch_code, branch_name, branch_kana, branch_hira, branch_roma, search, valid_from)
        SELECT came.bank_code, came.branch_code, came.branch_name, came.branch_kana, came.branch_hira,
               came.branch_roma, came.search,
               greatest(today, later.valid_to)
        FROM after_rows AS came
        LEFT JOIN (
            SELECT kept.bank_code, kept.branch_code, max(kept.valid_to) AS valid_to FROM zengin.branch_history AS kept
            WHERE kept.valid_to > today
            GROUP BY kept.bank_code, kept.branch_code
        ) AS later USING (bank_code, branch_code)
        WHERE NOT EXISTS (
            SELECT FROM before_rows AS gone
            WHERE gone.bank_code = came.bank_code AND gone.branch_code = came.branch_code
              AND (came.branch_name, came.branch_kana, came.branch_hira, came.branch_roma)
                  IS NOT DISTINCT FROM (gone.branch_name, gone.branch_kana, gone.branch_hira, gone.branch_roma));
    ELSE
        INSERT INTO zengin.branch_history (
            bank_code, branch_code, branch_name, branch_kana, branch_hira, branch_roma, search, valid_from)
        SELECT came.bank_code, came.branch_code, came.branch_name, came.branch_kana, came.branch_hira,
               came.branch_roma, came.search,
               greatest(today, later.valid_to)
        FROM after_rows AS came
        LEFT JOIN (
            SELECT kept.bank_code, kept.branch_code, max(kept.valid_to) AS valid_to FROM zengin.branch_history AS kept
            WHERE kept.valid_to > today
            GROUP BY kept.bank_code, kept.branch_code
        ) AS later USING (bank_code, branch_code);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER history_of_insert AFTER INSERT ON zengin.banks
    REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_bank_history();
CREATE TRIGGER history_of_update AFTER UPDATE ON zengin.banks
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_bank_history();
CREATE TRIGGER history_of_delete AFTER DELETE ON zengin.banks
    REFERENCING OLD TABLE AS before_rows FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_bank_history();
CREATE TRIGGER history_of_insert AFTER INSERT ON zengin.branches
    REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_branch_history();
CREATE TRIGGER history_of_update AFTER UPDATE ON zengin.branches
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_branch_history();
CREATE TRIGGER history_of_delete AFTER DELETE ON zengin.branches
    REFERENCING OLD TABLE AS before_rows FOR EACH STATEMENT EXECUTE FUNCTION zengin.keep_branch_history();

-- An edit by hand knows nothing of the folded text; an apply brings its own, even where it stays the same.
CREATE FUNCTION zengin.forget_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER forget_search BEFORE UPDATE ON zengin.banks FOR EACH ROW
    WHEN ((NEW.bank_name, NEW.bank_kana, NEW.bank_hira, NEW.bank_roma)
              IS DISTINCT FROM (OLD.bank_name, OLD.bank_kana, OLD.bank_hira, OLD.bank_roma)
          AND coalesce(current_setting('zengin.business_date', true), '') = '')
    EXECUTE FUNCTION zengin.forget_search();
CREATE TRIGGER forget_search BEFORE UPDATE ON zengin.branches FOR EACH ROW
    WHEN ((NEW.branch_name, NEW.branch_kana, NEW.branch_hira, NEW.branch_roma)
              IS DISTINCT FROM (OLD.branch_name, OLD.branch_kana, OLD.branch_hira, OLD.branch_roma)
          AND coalesce(current_setting('zengin.business_date', true), '') = '')
    EXECUTE FUNCTION zengin.forget_search();

-- What was received, and what was proposed.

CREATE TABLE zengin.snapshots (
    id             text PRIMARY KEY,
    business_date  date NOT NULL,
    content_hash   text NOT NULL,
    source         text NOT NULL,
    version        text NOT NULL,
    sha256         text NOT NULL,
    received_at    timestamptz NOT NULL,
    banks          integer NOT NULL CHECK (banks >= 0),
    branches       integer NOT NULL CHECK (branches >= 0),
    orphans        text[] NOT NULL,
    bootstrap      boolean NOT NULL,
    location       text NOT NULL,
    checks         jsonb NOT NULL,
    verdict        text CHECK (verdict IN ('accepted', 'held', 'noop')),
    hold_reason    text CHECK ((verdict = 'held') = (hold_reason IS NOT NULL)),
    reason         text,
    judged_at      timestamptz,
    CHECK ((verdict IS NULL) = (judged_at IS NULL))
);
CREATE INDEX snapshots_by_time ON zengin.snapshots (received_at);
COMMENT ON TABLE zengin.snapshots IS 'Every release that was received; its rows lie in the lake.';
COMMENT ON COLUMN zengin.snapshots.sha256 IS 'Of the bytes as received.';
COMMENT ON COLUMN zengin.snapshots.content_hash IS 'Of the rows they hold.';
COMMENT ON COLUMN zengin.snapshots.orphans IS 'Codes of banks that are gone but left branches in the release.';
COMMENT ON COLUMN zengin.snapshots.bootstrap IS 'Whether somebody asked for it to fill an empty master.';
COMMENT ON COLUMN zengin.snapshots.verdict IS 'NULL until it is compared with the master.';

CREATE TABLE zengin.changesets (
    id                 text PRIMARY KEY,
    snapshot_hash      text NOT NULL,
    business_date      date NOT NULL,
    verdict            text NOT NULL CHECK (verdict IN ('accepted', 'held', 'noop')),
    hold_reason        text,
    reason             text NOT NULL,
    counts             jsonb NOT NULL,
    payload_hash       text NOT NULL,
    base_content_hash  text NOT NULL,
    status             text NOT NULL CHECK (status IN ('held', 'pending', 'approved', 'partially_applied', 'applied',
                                                       'rejected', 'superseded', 'expired', 'reversed')),
    version            integer NOT NULL CHECK (version > 0),
    needs_approvals    integer NOT NULL CHECK (needs_approvals >= 0),
    approvals          jsonb NOT NULL,
    inverse_of         text REFERENCES zengin.changesets,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
CREATE INDEX changesets_by_time ON zengin.changesets (created_at, id);
CREATE INDEX changesets_by_status ON zengin.changesets (status);
COMMENT ON TABLE zengin.changesets IS 'All changes one snapshot proposes. Moves by conditional update on version only.';
COMMENT ON COLUMN zengin.changesets.counts IS 'Rows by table and operation, by class and by risk.';
COMMENT ON COLUMN zengin.changesets.payload_hash IS 'Names the exact changes: what a bulk approval is bound to.';
COMMENT ON COLUMN zengin.changesets.base_content_hash IS 'Of the master it was compared with.';

CREATE TABLE zengin.records (
    id            text PRIMARY KEY,
    recorded_at   timestamptz NOT NULL,
    changeset_id  text NOT NULL REFERENCES zengin.changesets,
    diff_type     text NOT NULL CHECK (diff_type IN ('addition', 'update', 'deletion', 'bulk_update')),
    table_name    text CHECK (table_name IN ('banks', 'branches')),
    record_id     text,
    base_hash     text,
    new_hash      text,
    change_class  text,
    risk          text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    status        text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'executing',
                                                  'completed', 'failed')),
    version       integer NOT NULL CHECK (version > 0),
    not_before    date,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX records_of_changeset ON zengin.records (changeset_id, status);
CREATE INDEX records_of_key ON zengin.records (table_name, record_id);
CREATE INDEX records_open ON zengin.records (status, recorded_at)
    WHERE status IN ('pending', 'approved', 'executing', 'failed');
COMMENT ON TABLE zengin.records IS
    'A mirror of the DynamoDB records for lists and counts. The item decides; a mirror that is behind is caught up.';
COMMENT ON COLUMN zengin.records.recorded_at IS 'The record''s timestamp: with id its key in DynamoDB.';
COMMENT ON COLUMN zengin.records.record_id IS 'Key of the row it changes; NULL for a bulk record.';

CREATE TABLE zengin.transitions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    who          text NOT NULL CHECK (who <> ''),
    target       text NOT NULL CHECK (target IN ('record', 'changeset', 'snapshot')),
    target_id    text NOT NULL,
    from_status  text,
    to_status    text NOT NULL,
    version      integer NOT NULL,
    reason       text,
    UNIQUE (target, target_id, version)
);
COMMENT ON TABLE zengin.transitions IS
    'The audit of every change of state: one row a version, written again without effect. Rows are only ever added.';

CREATE TABLE zengin.rejections (
    table_name    text NOT NULL CHECK (table_name IN ('banks', 'branches')),
    record_id     text NOT NULL,
    base_hash     text NOT NULL,
    new_hash      text NOT NULL,
    changeset_id  text NOT NULL,
    rejected_by   text NOT NULL,
    rejected_at   timestamptz NOT NULL,
    reason        text NOT NULL,
    PRIMARY KEY (table_name, record_id, base_hash, new_hash)
);
COMMENT ON TABLE zengin.rejections IS 'Proposals that are not raised again, remembered beyond the records'' TTL.';
COMMENT ON COLUMN zengin.rejections.base_hash IS 'Row before; empty for an addition.';
COMMENT ON COLUMN zengin.rejections.new_hash IS 'Row proposed; empty for a deletion.';

-- What was applied.

CREATE TABLE zengin.change_history (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    diff_id         text NOT NULL,
    changeset_id    text NOT NULL,
    operation_type  text NOT NULL CHECK (operation_type IN ('addition', 'update', 'deletion')),
    table_name      text NOT NULL CHECK (table_name IN ('banks', 'branches')),
    record_id       text NOT NULL,
    old_values      jsonb,
    new_values      jsonb,
    base_hash       text,
    new_hash        text,
    business_date   date NOT NULL,
    executed_at     timestamptz NOT NULL,
    PRIMARY KEY (diff_id, table_name, record_id)
);
CREATE UNIQUE INDEX change_history_in_order ON zengin.change_history (id);
CREATE INDEX change_history_of_changeset ON zengin.change_history (changeset_id, id);
CREATE INDEX change_history_of_key ON zengin.change_history (record_id, id);
COMMENT ON TABLE zengin.change_history IS
    'Every row an apply changed; its transaction is that of the change itself. Kept for a year.';

CREATE TABLE zengin.conflicts (
    diff_id       text NOT NULL,
    table_name    text NOT NULL CHECK (table_name IN ('banks', 'branches')),
    record_id     text NOT NULL,
    changeset_id  text NOT NULL,
    reason        text NOT NULL CHECK (reason IN ('changed', 'exists', 'missing')),
    found         jsonb,
    found_at      timestamptz NOT NULL,
    PRIMARY KEY (diff_id, table_name, record_id)
);
CREATE INDEX conflicts_of_changeset ON zengin.conflicts (changeset_id, table_name, record_id);
COMMENT ON TABLE zengin.conflicts IS
    'Approved rows that were left out because the master no longer was as it had been when they were proposed.';
COMMENT ON COLUMN zengin.conflicts.found IS 'The row as it was found; NULL where there was none.';
