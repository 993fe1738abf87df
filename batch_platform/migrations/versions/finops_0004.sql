-- What is published belongs to a connection: the place its deliveries lie in, and the accounts it is narrowed to.

ALTER TABLE finops.finops_project_connections
    ADD COLUMN without_manifest boolean NOT NULL DEFAULT false,
    ADD COLUMN connected_at timestamptz;
UPDATE finops.finops_project_connections SET connected_at = updated_at;
ALTER TABLE finops.finops_project_connections
    ALTER COLUMN connected_at SET NOT NULL,
    ALTER COLUMN connected_at SET DEFAULT now(),
    ADD COLUMN place text GENERATED ALWAYS AS (
        's3://' || bucket || '/' || prefix || '/' || report_name || ' (' || format
        || CASE WHEN without_manifest THEN ', without manifest' ELSE '' END || ')'
    ) STORED;
COMMENT ON COLUMN finops.finops_project_connections.without_manifest IS
    'Only data files are there, as after a replication: the listing, once it stands still, is the manifest.';
COMMENT ON COLUMN finops.finops_project_connections.connected_at IS
    'When place or account scope changed last; tells runs for the same delivery before and after apart.';
COMMENT ON COLUMN finops.finops_project_connections.place IS
    'Names where deliveries lie and how they are laid out. What carries another place belongs to a former connection.';

ALTER TABLE finops.finops_billing_manifests ADD COLUMN place text;
-- a delivery that lies outside the present place was registered under a former one, and is read again
UPDATE finops.finops_billing_manifests AS manifest SET place = CASE
    WHEN manifest.bucket = project.bucket
         AND starts_with(manifest.manifest_key, ltrim(project.prefix || '/' || project.report_name || '/', '/'))
    THEN project.place
    ELSE 's3://' || manifest.bucket || '/' || manifest.manifest_key
END
FROM finops.finops_project_connections AS project
WHERE project.project_id = manifest.project_id;
ALTER TABLE finops.finops_billing_manifests ALTER COLUMN place SET NOT NULL;
COMMENT ON COLUMN finops.finops_billing_manifests.place IS 'The connection''s place when the delivery was last seen there.';

ALTER TABLE finops.finops_months
    ADD COLUMN place text,
    ADD COLUMN account_scope text[];
-- which accounts a narrowed project was published for is not known: NULL here has it computed again from the lake
UPDATE finops.finops_months AS month SET place = manifest.place
FROM finops.finops_billing_manifests AS manifest
WHERE manifest.project_id = month.project_id AND manifest.billing_month = month.billing_month
  AND manifest.version = month.version;
ALTER TABLE finops.finops_months ALTER COLUMN place SET NOT NULL;
COMMENT ON COLUMN finops.finops_months.place IS 'The connection''s place when the month was published.';
COMMENT ON COLUMN finops.finops_months.account_scope IS
    'The connection''s account scope when the month was published; NULL is every account.';

-- a month that is withdrawn and published again, or a project that is made anew, never repeats a revision
CREATE SEQUENCE finops.finops_costs_revision;
SELECT setval('finops.finops_costs_revision', coalesce(max(costs_revision), 0) + 1) FROM finops.finops_months;
ALTER TABLE finops.finops_months ALTER COLUMN costs_revision SET DEFAULT nextval('finops.finops_costs_revision');
COMMENT ON COLUMN finops.finops_months.costs_revision IS
    'Another one each time the month''s costs were replaced; together with the version it names their content.';

ALTER TABLE finops.finops_restatements
    ADD COLUMN reason text NOT NULL DEFAULT 'redelivered' CHECK (reason IN ('redelivered', 'connection_changed')),
    DROP CONSTRAINT finops_restatements_check,
    DROP CONSTRAINT finops_restatements_pkey,
    -- a version may come back, and a changed account scope has none
    ADD PRIMARY KEY (project_id, billing_month, detected_at, usage_account_id, service, charge_class, currency);
COMMENT ON TABLE finops.finops_restatements IS
    'Money that changed in a month already final, by account, service and charge class; amounts in currency.';
COMMENT ON COLUMN finops.finops_restatements.reason IS
    'redelivered: AWS delivered other costs. connection_changed: the project reads another place or other accounts.';
COMMENT ON COLUMN finops.finops_restatements.to_version IS
    'Delivery that replaced it; the same one when only the account scope changed; ''withdrawn'' when none did.';

CREATE VIEW finops.finops_account_claims AS
SELECT cost.project_id, cost.billing_month, cost.payer_account_id, cost.usage_account_id
FROM finops.finops_cost_summary AS cost
JOIN finops.finops_months AS month USING (project_id, billing_month)
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE project.enabled AND month.place = project.place
  AND (project.account_scope IS NULL OR cost.usage_account_id = ANY (project.account_scope));
COMMENT ON VIEW finops.finops_account_claims IS
    'Accounts that belong to a project in a month: those its present connection has published and still covers.';

CREATE TABLE finops.finops_archives (
    archive_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id    text NOT NULL,
    reason        text NOT NULL CHECK (reason IN ('month_withdrawn', 'project_removed')),
    detail        text NOT NULL,
    connection    jsonb NOT NULL,
    budgets       jsonb NOT NULL DEFAULT '[]',
    restatements  jsonb NOT NULL DEFAULT '[]',
    archived_at   timestamptz NOT NULL
);
COMMENT ON TABLE finops.finops_archives IS 'What was taken out of the cost tables, and why. Rows are never changed.';
COMMENT ON COLUMN finops.finops_archives.detail IS 'One sentence for people.';
COMMENT ON COLUMN finops.finops_archives.connection IS 'The project''s connection then, without its secrets.';
COMMENT ON COLUMN finops.finops_archives.budgets IS 'Of a removed project: its budgets.';
COMMENT ON COLUMN finops.finops_archives.restatements IS 'Of a removed project: its restatements.';
CREATE INDEX finops_archives_project ON finops.finops_archives (project_id);

CREATE TABLE finops.finops_archived_months (
    archive_id     bigint NOT NULL REFERENCES finops.finops_archives,
    billing_month  date NOT NULL,
    state          text NOT NULL,
    version        text NOT NULL,
    place          text NOT NULL,
    account_scope  text[],
    format         text,
    row_count      bigint NOT NULL,
    file_count     integer NOT NULL,
    delivered_at   timestamptz NOT NULL,
    published_at   timestamptz NOT NULL,
    checks         jsonb NOT NULL,
    final_from     timestamptz,
    PRIMARY KEY (archive_id, billing_month)
);
COMMENT ON TABLE finops.finops_archived_months IS 'Rows of finops_months as they stood.';

CREATE TABLE finops.finops_archived_costs (
    archive_id bigint NOT NULL REFERENCES finops.finops_archives,
    LIKE finops.finops_cost_summary INCLUDING COMMENTS,
    PRIMARY KEY (archive_id, billing_month, usage_date, payer_account_id, usage_account_id, service, region,
                 charge_class, currency)
);
COMMENT ON TABLE finops.finops_archived_costs IS 'Rows of finops_cost_summary as they stood.';
