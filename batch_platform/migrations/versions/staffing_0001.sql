-- Staffing: the tables of the SaaS as far as the jobs read them, and what the daily jobs make of them.
--
-- Ids are what the SaaS calls its things, numbers or texts: as `staffing.ids` of Python writes them, a text stands as
-- it is, a number as its digits, and a text that reads like a number in quotes. Rows may name others that are not there.

CREATE SCHEMA staffing;
COMMENT ON SCHEMA staffing IS 'The jobs of an engineer-staffing SaaS: statuses, usage, invoices, reports, approaches.';

CREATE FUNCTION staffing.id_number(id text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN id ~ '^(0|-?[1-9][0-9]*)$' THEN id::numeric END;
COMMENT ON FUNCTION staffing.id_number IS 'The number of an id that is one. Sort by it, then by id_text.';

CREATE FUNCTION staffing.id_text(id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE WHEN id LIKE '"%' THEN id::jsonb #>> '{}' ELSE id END COLLATE "C";
COMMENT ON FUNCTION staffing.id_text IS 'An id as it is read, without quotes.';

CREATE FUNCTION staffing.business_day(at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (at AT TIME ZONE 'Asia/Tokyo')::date;
CREATE FUNCTION staffing.day_start(day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN day::timestamp AT TIME ZONE 'Asia/Tokyo';
COMMENT ON FUNCTION staffing.business_day IS 'The day in Tokyo that a moment belongs to, [00:00, 24:00).';

-- Facts. `line_digest` is that of the line a row was loaded from, NULL for rows of the SaaS itself: the same line again
-- is passed over, another under the same identity is refused.

CREATE TABLE staffing.issuers (
    registration_number  text PRIMARY KEY CHECK (registration_number ~ '^T[0-9]{13}$'),
    name                 text NOT NULL,
    tax_rounding         text NOT NULL CHECK (tax_rounding IN ('floor', 'half_up', 'ceil')),
    number_prefix        text NOT NULL,
    credit_number_prefix text,
    address              text,
    phone                text,
    bank_account         text,
    line_digest          bytea
);
COMMENT ON TABLE staffing.issuers IS 'Who issues invoices: 適格請求書発行事業者.';
COMMENT ON COLUMN staffing.issuers.credit_number_prefix IS 'Of 返還インボイス; NULL: the prefix with -CN.';

CREATE TABLE staffing.tax_rates (
    category     text NOT NULL,
    rate         numeric CHECK (rate >= 0 AND rate < 100),
    valid_from   date NOT NULL,
    valid_to     date,
    line_digest  bytea,
    PRIMARY KEY (category, valid_from)
);
COMMENT ON COLUMN staffing.tax_rates.rate IS 'Percent; NULL: exempt, which has no rate.';
COMMENT ON COLUMN staffing.tax_rates.valid_to IS 'The last day, inclusive.';

CREATE TABLE staffing.companies (
    company_id   text PRIMARY KEY,
    name         text NOT NULL,
    email        text,
    address      text,
    created_at   timestamptz,
    closed_at    timestamptz,
    line_digest  bytea
);

CREATE TABLE staffing.contracts (
    contract_id  text PRIMARY KEY,
    company_id   text NOT NULL,
    issuer       text,
    starts_on    date NOT NULL,
    ends_on      date,
    terms        jsonb NOT NULL,
    payment      jsonb NOT NULL,
    price_type   text NOT NULL DEFAULT 'net' CHECK (price_type IN ('net', 'gross')),
    proration    text NOT NULL DEFAULT 'daily' CHECK (proration IN ('daily', 'full')),
    discounts    jsonb NOT NULL DEFAULT '[]',
    extras       jsonb NOT NULL DEFAULT '[]',
    line_digest  bytea
);
COMMENT ON TABLE staffing.contracts IS 'First and last day are inclusive; terms, payment, discounts, extras as a line has them.';
COMMENT ON COLUMN staffing.contracts.issuer IS 'A registration number; needed where several issuers are there.';
CREATE INDEX contracts_of_company ON staffing.contracts (company_id);

CREATE TABLE staffing.users (
    user_id      text PRIMARY KEY,
    company_id   text NOT NULL,
    created_at   timestamptz,
    deleted_at   timestamptz,
    line_digest  bytea
);
CREATE INDEX users_of_company ON staffing.users (company_id);

CREATE TABLE staffing.engineers (
    engineer_id  text PRIMARY KEY,
    company_id   text NOT NULL,
    name         text,
    skills       text[] NOT NULL DEFAULT '{}',
    created_at   timestamptz,
    deleted_at   timestamptz,
    status       text,
    status_day   date,
    line_digest  bytea
);
COMMENT ON COLUMN staffing.engineers.status IS 'On the newest day that the status job has written, or a hold''s own word.';
CREATE INDEX engineers_of_company ON staffing.engineers (company_id);

CREATE TABLE staffing.assignments (
    assignment_id  text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    engineer_id    text NOT NULL,
    project_id     text,
    starts_on      date NOT NULL,
    planned_end    date,
    actual_end     date,
    state          text NOT NULL CHECK (state IN ('tentative', 'confirmed', 'cancelled')),
    line_digest    bytea,
    PRIMARY KEY (assignment_id, recorded_at)
);
COMMENT ON TABLE staffing.assignments IS 'Versions: each says what was known of an assignment from recorded_at on.';
CREATE INDEX assignments_of_engineer ON staffing.assignments (engineer_id);

CREATE TABLE staffing.status_holds (
    engineer_id  text NOT NULL,
    status       text NOT NULL,
    valid_from   date NOT NULL,
    valid_to     date,
    reason       text,
    line_digest  bytea,
    PRIMARY KEY (engineer_id, valid_from)
);
COMMENT ON COLUMN staffing.status_holds.valid_to IS 'The last day, inclusive; NULL: until further notice.';

CREATE TABLE staffing.logins (
    id           text PRIMARY KEY,
    user_id      text NOT NULL,
    company_id   text NOT NULL,
    at           timestamptz NOT NULL,
    line_digest  bytea
);
CREATE INDEX logins_at ON staffing.logins (at);

CREATE TABLE staffing.api_requests (
    id           text PRIMARY KEY,
    user_id      text,
    company_id   text NOT NULL,
    at           timestamptz NOT NULL,
    feature      text NOT NULL,
    status       integer,
    duration_ms  numeric CHECK (duration_ms >= 0),
    line_digest  bytea
);
CREATE INDEX api_requests_at ON staffing.api_requests (at);

CREATE TABLE staffing.approaches (
    id           text PRIMARY KEY,
    company_id   text NOT NULL,
    sent_at      timestamptz NOT NULL,
    engineer_id  text,
    opened_at    timestamptz,
    replied_at   timestamptz,
    line_digest  bytea
);
COMMENT ON TABLE staffing.approaches IS 'Approaches that were sent, by people or periodically.';
CREATE INDEX approaches_sent_at ON staffing.approaches (sent_at);

CREATE TABLE staffing.mails (
    id           text PRIMARY KEY,
    company_id   text NOT NULL,
    accepted_at  timestamptz NOT NULL,
    line_digest  bytea
);
CREATE INDEX mails_accepted_at ON staffing.mails (accepted_at);

CREATE TABLE staffing.files (
    id            text PRIMARY KEY,
    company_id    text NOT NULL,
    name          text,
    bytes         bigint NOT NULL CHECK (bytes >= 0),
    object_key    text,
    sha256        text,
    created_at    timestamptz,
    deleted_at    timestamptz,
    line_digest   bytea
);
COMMENT ON COLUMN staffing.files.object_key IS 'In the bucket of files; NULL where the SaaS keeps it elsewhere.';
CREATE INDEX files_of_company ON staffing.files (company_id);

CREATE TABLE staffing.skill_sheet_edits (
    id           text PRIMARY KEY,
    company_id   text NOT NULL,
    engineer_id  text NOT NULL,
    at           timestamptz NOT NULL,
    line_digest  bytea
);
CREATE INDEX skill_sheet_edits_at ON staffing.skill_sheet_edits (at);

CREATE TABLE staffing.periodic_approaches (
    approach_id    text PRIMARY KEY,
    company_id     text NOT NULL,
    rule           jsonb NOT NULL,
    criteria       jsonb NOT NULL,
    policy         text NOT NULL CHECK (policy IN ('all', 'latest', 'skip')),
    grace_minutes  integer NOT NULL DEFAULT 60 CHECK (grace_minutes >= 0),
    template       text NOT NULL,
    line_digest    bytea
);

CREATE TABLE staffing.exclusions (
    company_id   text NOT NULL,
    engineer_id  text NOT NULL,
    reason       text,
    line_digest  bytea,
    PRIMARY KEY (company_id, engineer_id)
);
COMMENT ON TABLE staffing.exclusions IS 'Engineers that a company''s approaches leave out.';

-- What the daily jobs make.

CREATE TABLE staffing.status_days (
    day          date PRIMARY KEY,
    known_at     timestamptz NOT NULL,
    written_at   timestamptz NOT NULL,
    corrected_at timestamptz,
    engineers    integer NOT NULL,
    counts       jsonb NOT NULL
);
COMMENT ON TABLE staffing.status_days IS 'Days whose status as it was known at 02:00 of the day is written.';
COMMENT ON COLUMN staffing.status_days.counts IS 'Engineers by status, as known.';

CREATE TABLE staffing.status_changes (
    engineer_id  text NOT NULL,
    day          date NOT NULL,
    revision     integer NOT NULL CHECK (revision >= 0),
    status       text NOT NULL,
    previous     text,
    reason       text NOT NULL CHECK (reason IN ('hold', 'none', 'soon', 'working')),
    until        date,
    written_at   timestamptz NOT NULL,
    PRIMARY KEY (engineer_id, day, revision)
);
COMMENT ON TABLE staffing.status_changes IS
    'Revision 0: the status of a day as known, where it is another than the day before; never rewritten. Higher ones: '
    'corrections of that day, by what was recorded later.';
CREATE INDEX status_changes_day ON staffing.status_changes (day);

CREATE TABLE staffing.usage_days (
    company_id        text NOT NULL,
    date              date NOT NULL,
    source            text NOT NULL CHECK (source IN ('aggregated', 'loaded')),
    total_users       integer NOT NULL,
    total_engineers   integer NOT NULL,
    active_users      integer,
    active_engineers  integer,
    approach_count    integer,
    email_sent_count  integer,
    login_count       integer,
    storage_usage_mb  numeric,
    api_call_count    integer,
    feature_usage     jsonb,
    aggregated_at     timestamptz,
    line_digest       bytea,
    PRIMARY KEY (company_id, date)
);
COMMENT ON TABLE staffing.usage_days IS 'What a company used on a day. Totals of a loaded row are not overwritten.';
CREATE INDEX usage_days_date ON staffing.usage_days (date);

CREATE TABLE staffing.system_stats (
    date               date PRIMARY KEY,
    total_users        integer NOT NULL,
    active_users       integer NOT NULL,
    total_engineers    integer NOT NULL,
    total_companies    integer NOT NULL,
    total_approaches   integer NOT NULL,
    requests           integer NOT NULL,
    system_uptime      numeric NOT NULL,
    response_time_avg  numeric,
    response_time_p50  numeric,
    response_time_p95  numeric,
    response_time_p99  numeric,
    error_rate         numeric,
    aggregated_at      timestamptz NOT NULL
);
COMMENT ON COLUMN staffing.system_stats.system_uptime IS 'Minutes of the day with a heartbeat ÷ 1440, 4 decimals.';
COMMENT ON COLUMN staffing.system_stats.response_time_avg IS 'Milliseconds, 2 decimals half-up; NULL without requests.';
COMMENT ON COLUMN staffing.system_stats.error_rate IS 'Requests answered 5xx ÷ requests, 4 decimals half-up.';

CREATE TABLE staffing.heartbeats (
    minute  timestamptz PRIMARY KEY CHECK (extract(second FROM minute AT TIME ZONE 'UTC') = 0)
);
COMMENT ON TABLE staffing.heartbeats IS 'Minutes in which the platform was seen to work.';

CREATE TABLE staffing.engineer_activity (
    company_id           text NOT NULL,
    date                 date NOT NULL,
    logins               integer NOT NULL,
    skill_sheet_edits    integer NOT NULL,
    approaches_received  integer NOT NULL,
    replies              integer NOT NULL,
    aggregated_at        timestamptz NOT NULL,
    PRIMARY KEY (company_id, date)
);

CREATE TABLE staffing.approach_metrics (
    company_id     text NOT NULL,
    date           date NOT NULL,
    sent           integer NOT NULL,
    opened         integer NOT NULL,
    replied        integer NOT NULL,
    reply_rate     numeric,
    aggregated_at  timestamptz NOT NULL,
    PRIMARY KEY (company_id, date)
);
COMMENT ON COLUMN staffing.approach_metrics.reply_rate IS 'Replied ÷ sent, 4 decimals half-up; NULL where none was sent.';
