-- AWS cost and usage. Amounts are numeric(38,12) in the row's currency and are never summed across currencies.
-- Derived tables carry no timestamps, so that computing a month again gives the same bytes, and no foreign
-- keys: a month is replaced as a whole in one transaction, and a check per row would cost more than the load.

CREATE SCHEMA finops;
COMMENT ON SCHEMA finops IS 'AWS cost and usage reports in, exact cost tables out.';

CREATE TABLE finops.finops_project_connections (
    project_id     text PRIMARY KEY CHECK (project_id ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name           text NOT NULL CHECK (name <> ''),
    role_arn       text CHECK (role_arn ~ '^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$'),
    external_id    text CHECK (external_id <> ''),
    bucket         text NOT NULL CHECK (bucket ~ '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$'),
    prefix         text NOT NULL,
    report_name    text NOT NULL CHECK (report_name <> ''),
    region         text NOT NULL CHECK (region ~ '^[a-z]{2}(-[a-z]+)+-[0-9]+$'),
    format         text NOT NULL DEFAULT 'auto' CHECK (format IN ('auto', 'cur_legacy', 'cur2', 'focus')),
    account_scope  text[] CHECK (cardinality(account_scope) > 0),
    enabled        boolean NOT NULL DEFAULT true,
    secret_id      text CHECK (secret_id <> ''),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (external_id IS NULL OR role_arn IS NOT NULL)
);
COMMENT ON TABLE finops.finops_project_connections IS
    'Where a project''s cost export is delivered and how to read it. One row per project.';
COMMENT ON COLUMN finops.finops_project_connections.role_arn IS
    'Role assumed to read the bucket; NULL uses the environment''s own credentials, a stop-gap.';
COMMENT ON COLUMN finops.finops_project_connections.external_id IS
    'External id the role''s trust policy asks for. Confidential: never shown or logged.';
COMMENT ON COLUMN finops.finops_project_connections.prefix IS
    'Key prefix of the export in the bucket, without the report''s name.';
COMMENT ON COLUMN finops.finops_project_connections.report_name IS
    'Name of the cost and usage report or data export.';
COMMENT ON COLUMN finops.finops_project_connections.format IS
    'Format of the export; auto recognises it by content.';
COMMENT ON COLUMN finops.finops_project_connections.account_scope IS
    'Usage account ids that belong to the project; NULL is every account in the export.';
COMMENT ON COLUMN finops.finops_project_connections.enabled IS
    'Whether deliveries are polled.';
COMMENT ON COLUMN finops.finops_project_connections.secret_id IS
    'Secrets Manager id of further credentials; the secret itself is never stored here.';

CREATE TABLE finops.finops_billing_manifests (
    project_id              text NOT NULL REFERENCES finops.finops_project_connections,
    billing_month           date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    version                 text NOT NULL CHECK (version <> ''),
    assembly_id             text NOT NULL,
    bucket                  text NOT NULL,
    manifest_key            text NOT NULL,
    manifest_etag           text NOT NULL CHECK (manifest_etag <> ''),
    manifest_last_modified  timestamptz NOT NULL,
    delivered_at            timestamptz NOT NULL,
    format                  text CHECK (format IN ('cur_legacy', 'cur2', 'focus')),
    file_count              integer NOT NULL CHECK (file_count >= 0),
    total_bytes             bigint NOT NULL CHECK (total_bytes >= 0),
    status                  text NOT NULL CHECK (status IN ('WAITING', 'REGISTERED', 'PUBLISHED', 'SUPERSEDED')),
    missing_keys            text[] NOT NULL DEFAULT '{}',
    first_seen_at           timestamptz NOT NULL DEFAULT now(),
    registered_at           timestamptz,
    published_at            timestamptz,
    PRIMARY KEY (project_id, billing_month, version),
    CHECK (status NOT IN ('REGISTERED', 'PUBLISHED') OR (registered_at IS NOT NULL AND missing_keys = '{}')),
    CHECK (status <> 'PUBLISHED' OR published_at IS NOT NULL),
    CHECK (delivered_at >= manifest_last_modified)
);
COMMENT ON TABLE finops.finops_billing_manifests IS
    'One delivery of one billing month: a manifest and exactly the files it lists. Deliveries are cumulative.';
COMMENT ON COLUMN finops.finops_billing_manifests.billing_month IS 'First day of the month that is billed.';
COMMENT ON COLUMN finops.finops_billing_manifests.version IS
    'Derived from the assembly or execution id and the key, ETag, size and LastModified of every listed object.';
COMMENT ON COLUMN finops.finops_billing_manifests.assembly_id IS 'assemblyId or executionId as AWS wrote it.';
COMMENT ON COLUMN finops.finops_billing_manifests.delivered_at IS
    'Newest LastModified of the manifest and its files.';
COMMENT ON COLUMN finops.finops_billing_manifests.format IS 'Recognised format; NULL before a file was opened.';
COMMENT ON COLUMN finops.finops_billing_manifests.file_count IS 'Files listed by the manifest.';
COMMENT ON COLUMN finops.finops_billing_manifests.total_bytes IS 'Stored (compressed) bytes of the files found.';
COMMENT ON COLUMN finops.finops_billing_manifests.status IS
    'WAITING: files missing. REGISTERED: files to be read. PUBLISHED: in the cost tables. SUPERSEDED: a newer version came.';
COMMENT ON COLUMN finops.finops_billing_manifests.missing_keys IS 'Listed keys not yet in the bucket.';

CREATE TABLE finops.finops_billing_files (
    project_id         text NOT NULL,
    billing_month      date NOT NULL,
    version            text NOT NULL,
    file_no            integer NOT NULL CHECK (file_no >= 0),
    bucket_name        text NOT NULL,
    object_key         text NOT NULL,
    etag               text NOT NULL CHECK (etag <> ''),
    size_bytes         bigint NOT NULL CHECK (size_bytes >= 0),
    last_modified      timestamptz NOT NULL,
    status             text NOT NULL DEFAULT 'PENDING'
                       CHECK (status IN ('PENDING', 'PROCESSING', 'DONE', 'ERROR', 'SUPERSEDED')),
    owner              text,
    fencing            bigint NOT NULL DEFAULT 0 CHECK (fencing >= 0),
    lease_expires_at   timestamptz,
    attempts           integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    failures           integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error_message      text,
    line_items_key     text,
    line_items_sha256  text CHECK (line_items_sha256 ~ '^[0-9a-f]{64}$'),
    row_count          bigint CHECK (row_count >= 0),
    stats              jsonb,
    registered_at      timestamptz NOT NULL DEFAULT now(),
    finished_at        timestamptz,
    PRIMARY KEY (project_id, billing_month, version, object_key),
    UNIQUE (project_id, billing_month, version, file_no),
    FOREIGN KEY (project_id, billing_month, version) REFERENCES finops.finops_billing_manifests,
    CHECK (status <> 'PROCESSING' OR (owner IS NOT NULL AND lease_expires_at IS NOT NULL)),
    CHECK (status <> 'DONE' OR (row_count IS NOT NULL AND finished_at IS NOT NULL)),
    CHECK (status <> 'ERROR' OR error_message IS NOT NULL)
);
CREATE INDEX finops_billing_files_claim ON finops.finops_billing_files (status, project_id);
COMMENT ON TABLE finops.finops_billing_files IS
    'One file of one delivery and how far it has been read. Moves by conditional update only.';
COMMENT ON COLUMN finops.finops_billing_files.file_no IS 'Position in the manifest, from 0.';
COMMENT ON COLUMN finops.finops_billing_files.size_bytes IS 'Stored (compressed) bytes.';
COMMENT ON COLUMN finops.finops_billing_files.owner IS 'Run that reads the file, or read it last.';
COMMENT ON COLUMN finops.finops_billing_files.fencing IS
    'Grows with every claim; a write that carries an older number is refused.';
COMMENT ON COLUMN finops.finops_billing_files.lease_expires_at IS
    'After this moment the claim is void and the file returns to PENDING.';
COMMENT ON COLUMN finops.finops_billing_files.attempts IS 'Claims and requeues so far.';
COMMENT ON COLUMN finops.finops_billing_files.failures IS 'Failures since it was last requeued.';
COMMENT ON COLUMN finops.finops_billing_files.error_message IS 'Why the last attempt failed: file, row, column.';
COMMENT ON COLUMN finops.finops_billing_files.line_items_key IS 'Key of the normalised Parquet in the lake.';
COMMENT ON COLUMN finops.finops_billing_files.row_count IS 'Line items in the file, without its header.';
COMMENT ON COLUMN finops.finops_billing_files.stats IS 'Counts found while reading: failed casts, unknown columns.';

CREATE TABLE finops.finops_months (
    project_id     text NOT NULL REFERENCES finops.finops_project_connections,
    billing_month  date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    state          text NOT NULL CHECK (state IN ('open', 'closing', 'final', 'restated')),
    version        text NOT NULL,
    -- null for a delivery without a file
    format         text CHECK (format IN ('cur_legacy', 'cur2', 'focus')),
    row_count      bigint NOT NULL CHECK (row_count >= 0),
    file_count     integer NOT NULL CHECK (file_count >= 0),
    delivered_at   timestamptz NOT NULL,
    published_at   timestamptz NOT NULL,
    anomalies_version text,
    forecast_version  text,
    checks         jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (project_id, billing_month),
    FOREIGN KEY (project_id, billing_month, version) REFERENCES finops.finops_billing_manifests
);
COMMENT ON COLUMN finops.finops_months.anomalies_version IS
    'Version the anomalies were computed from; NULL when they wait to be computed (again).';
COMMENT ON COLUMN finops.finops_months.forecast_version IS
    'Version the forecast was computed from; NULL when it waits to be computed (again).';
COMMENT ON TABLE finops.finops_months IS 'What is published of a billing month: one row per project and month.';
COMMENT ON COLUMN finops.finops_months.state IS
    'open: the month runs. closing: it has ended. final: every charge has its invoice. restated: changed after final.';
COMMENT ON COLUMN finops.finops_months.version IS 'Delivery the cost tables were computed from.';
COMMENT ON COLUMN finops.finops_months.row_count IS 'Line items of all files.';
COMMENT ON COLUMN finops.finops_months.checks IS 'Outcome of each invariant by name, with the figures compared.';

CREATE TABLE finops.finops_cost_summary (
    project_id        text NOT NULL,
    billing_month     date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    usage_date        date NOT NULL,
    payer_account_id  text NOT NULL,
    usage_account_id  text NOT NULL,
    service           text NOT NULL,
    region            text NOT NULL,
    charge_class      text NOT NULL CHECK (charge_class IN
                      ('usage', 'commitment_fee', 'fee', 'refund', 'credit', 'tax', 'discount', 'unknown')),
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unblended          numeric(38,12) NOT NULL,
    blended            numeric(38,12) NOT NULL,
    amortized          numeric(38,12) NOT NULL,
    net_unblended      numeric(38,12) NOT NULL,
    net_amortized      numeric(38,12) NOT NULL,
    billed             numeric(38,12) NOT NULL,
    list_cost          numeric(38,12) NOT NULL,
    true_up            numeric(38,12) NOT NULL,
    upfront            numeric(38,12) NOT NULL,
    usage_rows        bigint NOT NULL CHECK (usage_rows >= 0),
    manifest_version  text NOT NULL,
    PRIMARY KEY (project_id, billing_month, usage_date, payer_account_id, usage_account_id,
                 service, region, charge_class, currency),
    CHECK (usage_date >= billing_month AND usage_date < billing_month + interval '1 month')
);
COMMENT ON TABLE finops.finops_cost_summary IS
    'Cost by day, account, service, region, charge class and currency. A month is replaced as a whole.';
COMMENT ON COLUMN finops.finops_cost_summary.usage_date IS
    'Day (UTC) the usage began, moved to the month''s first or last day when it lies outside.';
COMMENT ON COLUMN finops.finops_cost_summary.region IS 'AWS region, empty for charges that have none.';
COMMENT ON COLUMN finops.finops_cost_summary.unblended IS
    'Amount in currency: what AWS charges on the day it charges it; sums to the invoice.';
COMMENT ON COLUMN finops.finops_cost_summary.blended IS
    'Amount in currency: unblended at the organisation''s average rate; shown, never built on.';
COMMENT ON COLUMN finops.finops_cost_summary.amortized IS
    'Amount in currency: commitment fees spread over the usage they cover.';
COMMENT ON COLUMN finops.finops_cost_summary.net_unblended IS
    'Amount in currency: unblended after discounts, where the export has net columns, else unblended.';
COMMENT ON COLUMN finops.finops_cost_summary.net_amortized IS
    'Amount in currency: amortized after discounts, where the export has net columns, else amortized.';
COMMENT ON COLUMN finops.finops_cost_summary.billed IS
    'Amount in currency: FOCUS BilledCost; unblended for cost and usage reports.';
COMMENT ON COLUMN finops.finops_cost_summary.list_cost IS
    'Amount in currency: public on-demand price of the usage.';
COMMENT ON COLUMN finops.finops_cost_summary.true_up IS
    'Amount in currency: amortized part of upfront fees paid in an earlier period, negative: amortized + true_up + upfront = unblended.';
COMMENT ON COLUMN finops.finops_cost_summary.upfront IS
    'Amount in currency: upfront commitment fees charged in this period.';
COMMENT ON COLUMN finops.finops_cost_summary.usage_rows IS 'Line items summed in this row.';
COMMENT ON COLUMN finops.finops_cost_summary.manifest_version IS 'Delivery this was computed from.';

CREATE TABLE finops.finops_cost_service_monthly (
    project_id        text NOT NULL,
    billing_month     date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    usage_account_id  text NOT NULL,
    service           text NOT NULL,
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unblended          numeric(38,12) NOT NULL,
    blended            numeric(38,12) NOT NULL,
    amortized          numeric(38,12) NOT NULL,
    net_unblended      numeric(38,12) NOT NULL,
    net_amortized      numeric(38,12) NOT NULL,
    billed             numeric(38,12) NOT NULL,
    list_cost          numeric(38,12) NOT NULL,
    true_up            numeric(38,12) NOT NULL,
    upfront            numeric(38,12) NOT NULL,
    usage_rows        bigint NOT NULL CHECK (usage_rows >= 0),
    manifest_version  text NOT NULL,
    PRIMARY KEY (project_id, billing_month, usage_account_id, service, currency)
);
COMMENT ON TABLE finops.finops_cost_service_monthly IS 'Cost by month, account, service and currency.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.unblended IS
    'Amount in currency: what AWS charges on the day it charges it; sums to the invoice.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.blended IS
    'Amount in currency: unblended at the organisation''s average rate; shown, never built on.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.amortized IS
    'Amount in currency: commitment fees spread over the usage they cover.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.net_unblended IS
    'Amount in currency: unblended after discounts, where the export has net columns, else unblended.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.net_amortized IS
    'Amount in currency: amortized after discounts, where the export has net columns, else amortized.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.billed IS
    'Amount in currency: FOCUS BilledCost; unblended for cost and usage reports.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.list_cost IS
    'Amount in currency: public on-demand price of the usage.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.true_up IS
    'Amount in currency: amortized part of upfront fees paid in an earlier period, negative: amortized + true_up + upfront = unblended.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.upfront IS
    'Amount in currency: upfront commitment fees charged in this period.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.usage_rows IS 'Line items summed in this row.';
COMMENT ON COLUMN finops.finops_cost_service_monthly.manifest_version IS 'Delivery this was computed from.';

CREATE TABLE finops.finops_restatements (
    project_id            text NOT NULL REFERENCES finops.finops_project_connections,
    billing_month         date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    from_version          text NOT NULL,
    to_version            text NOT NULL,
    usage_account_id      text NOT NULL,
    service               text NOT NULL,
    charge_class          text NOT NULL CHECK (charge_class IN
                          ('usage', 'commitment_fee', 'fee', 'refund', 'credit', 'tax', 'discount', 'unknown')),
    currency              text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unblended_before      numeric(38,12) NOT NULL,
    unblended_after       numeric(38,12) NOT NULL,
    amortized_before      numeric(38,12) NOT NULL,
    amortized_after       numeric(38,12) NOT NULL,
    net_unblended_before  numeric(38,12) NOT NULL,
    net_unblended_after   numeric(38,12) NOT NULL,
    detected_at           timestamptz NOT NULL,
    PRIMARY KEY (project_id, billing_month, to_version, usage_account_id, service, charge_class, currency),
    CHECK (from_version <> to_version)
);
COMMENT ON TABLE finops.finops_restatements IS
    'Money that AWS changed in a month already final, by account, service and charge class; amounts in currency.';
COMMENT ON COLUMN finops.finops_restatements.from_version IS 'Delivery that was published before.';
COMMENT ON COLUMN finops.finops_restatements.to_version IS 'Delivery that replaced it.';

CREATE TABLE finops.finops_cost_anomalies (
    project_id        text NOT NULL,
    billing_month     date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    usage_date        date NOT NULL,
    service           text NOT NULL,
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount            numeric(38,12) NOT NULL,
    expected          numeric(38,12) NOT NULL,
    deviation         numeric(38,12) NOT NULL,
    score             numeric NOT NULL,
    direction         text NOT NULL CHECK (direction IN ('spike', 'drop')),
    explanation       text NOT NULL,
    manifest_version  text NOT NULL,
    PRIMARY KEY (project_id, billing_month, usage_date, service, currency),
    CHECK (usage_date >= billing_month AND usage_date < billing_month + interval '1 month')
);
COMMENT ON TABLE finops.finops_cost_anomalies IS 'Days on which a service cost far more or less than expected.';
COMMENT ON COLUMN finops.finops_cost_anomalies.amount IS 'Amortized cost of the day, in currency.';
COMMENT ON COLUMN finops.finops_cost_anomalies.expected IS 'What the days before suggest, in currency.';
COMMENT ON COLUMN finops.finops_cost_anomalies.deviation IS 'Amount beyond what is expected, in currency.';
COMMENT ON COLUMN finops.finops_cost_anomalies.score IS 'Deviation in units of the usual spread, no unit.';
COMMENT ON COLUMN finops.finops_cost_anomalies.explanation IS 'One sentence for people.';

CREATE TABLE finops.finops_cost_forecasts (
    project_id        text NOT NULL,
    billing_month     date NOT NULL CHECK (extract(day FROM billing_month) = 1),
    target_date       date NOT NULL,
    currency          text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount            numeric(38,12) NOT NULL,
    lower_bound       numeric(38,12),
    upper_bound       numeric(38,12),
    method            text NOT NULL,
    backtest_error    numeric CHECK (backtest_error >= 0),
    manifest_version  text NOT NULL,
    PRIMARY KEY (project_id, billing_month, target_date, currency),
    CHECK (lower_bound <= amount AND amount <= upper_bound),
    CHECK ((lower_bound IS NULL) = (upper_bound IS NULL)),
    CHECK (target_date >= billing_month)
);
COMMENT ON TABLE finops.finops_cost_forecasts IS 'Expected cost of each coming day, as seen from a billing month.';
COMMENT ON COLUMN finops.finops_cost_forecasts.billing_month IS 'Month the forecast is made from.';
COMMENT ON COLUMN finops.finops_cost_forecasts.amount IS 'Expected amortized cost of the day, in currency.';
COMMENT ON COLUMN finops.finops_cost_forecasts.lower_bound IS
    'Lower end of the likely range, in currency; NULL without enough history.';
COMMENT ON COLUMN finops.finops_cost_forecasts.upper_bound IS
    'Upper end of the likely range, in currency; NULL without enough history.';
COMMENT ON COLUMN finops.finops_cost_forecasts.backtest_error IS
    'Mean absolute error of the method on past days as a share of the cost (0.1 = 10 %); NULL without history.';
