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

CREATE FUNCTION staffing.half_up_quotient(num numeric, den numeric, places integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(div(2 * num * 10::numeric ^ places + den, 2 * den) / 10::numeric ^ places, places);
COMMENT ON FUNCTION staffing.half_up_quotient IS 'num ÷ den, which are not negative, exactly rounded half up.';

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
COMMENT ON COLUMN staffing.engineers.status IS 'On the newest day that the status job has written.';
COMMENT ON COLUMN staffing.engineers.status_day IS 'The day whose job has set it.';
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
CREATE INDEX logins_of_user ON staffing.logins (user_id, at);

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
CREATE INDEX approaches_opened_at ON staffing.approaches (opened_at) WHERE opened_at IS NOT NULL;
CREATE INDEX approaches_replied_at ON staffing.approaches (replied_at) WHERE replied_at IS NOT NULL;

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

-- What facts come to: the jobs write it down, and people may ask for any day.

CREATE FUNCTION staffing.confirmed_assignments(known_at timestamptz)
RETURNS TABLE (engineer_id text, starts_on date, ends_on date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.engineer_id, v.starts_on, v.ends_on
    FROM (
        -- the order of the primary key, backwards
        SELECT DISTINCT ON (a.assignment_id) a.engineer_id, a.starts_on, a.state,
               coalesce(a.actual_end, a.planned_end) AS ends_on
        FROM staffing.assignments AS a
        WHERE a.recorded_at <= known_at
        ORDER BY a.assignment_id DESC, a.recorded_at DESC
    ) AS v
    WHERE v.state = 'confirmed';
END;
COMMENT ON FUNCTION staffing.confirmed_assignments IS
    'The newest versions recorded up to a moment, where they are confirmed; days inclusive, an open end NULL.';

CREATE FUNCTION staffing.statuses_on(day date, known_at timestamptz)
RETURNS TABLE (engineer_id text, status text, reason text, until date)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH everyone AS (
        SELECT e.engineer_id FROM staffing.engineers AS e
        UNION ALL (
            SELECT a.engineer_id FROM staffing.assignments AS a
            WHERE NOT EXISTS (SELECT FROM staffing.engineers AS e WHERE e.engineer_id = a.engineer_id)
            UNION SELECT h.engineer_id FROM staffing.status_holds AS h
            WHERE NOT EXISTS (SELECT FROM staffing.engineers AS e WHERE e.engineer_id = h.engineer_id)
        )
    ), held AS (
        SELECT DISTINCT ON (h.engineer_id) h.engineer_id, h.status, h.valid_to
        FROM staffing.status_holds AS h
        WHERE h.valid_from <= day AND (h.valid_to IS NULL OR h.valid_to >= day)
        ORDER BY h.engineer_id, h.valid_from DESC
    ), working AS (
        -- days from `day` on that no assignment covers begin after the chain it lies in; an open chain leaves none
        SELECT a.engineer_id,
               lower(datemultirange(daterange(day, NULL)) - range_agg(daterange(a.starts_on, a.ends_on, '[]'))) - 1
               AS last_day
        FROM staffing.confirmed_assignments(known_at) AS a
        WHERE a.ends_on IS NULL OR (a.ends_on >= a.starts_on AND a.ends_on >= day)
        GROUP BY a.engineer_id
        HAVING bool_or(a.starts_on <= day)
    )
    SELECT e.engineer_id,
           CASE WHEN h.engineer_id IS NOT NULL THEN h.status WHEN w.engineer_id IS NULL THEN 'waiting'
                WHEN w.last_day - day <= 90 THEN 'waiting_soon' ELSE 'working' END,
           CASE WHEN h.engineer_id IS NOT NULL THEN 'hold' WHEN w.engineer_id IS NULL THEN 'none'
                WHEN w.last_day - day <= 90 THEN 'soon' ELSE 'working' END,
           CASE WHEN h.engineer_id IS NULL THEN w.last_day ELSE h.valid_to END
    FROM everyone AS e
    LEFT JOIN held AS h ON h.engineer_id = e.engineer_id
    LEFT JOIN working AS w ON w.engineer_id = e.engineer_id;
END;
COMMENT ON FUNCTION staffing.statuses_on IS
    'Every engineer''s status on a day by what was recorded up to a moment: the hold in force, else the chain of '
    'confirmed assignments that overlap or touch; `until` is the last day of either.';

CREATE TABLE staffing.status_days (
    day           date PRIMARY KEY,
    known_at      timestamptz NOT NULL,
    written_at    timestamptz NOT NULL,
    corrected_at  timestamptz,
    engineers     integer NOT NULL,
    counts        jsonb NOT NULL
);
COMMENT ON TABLE staffing.status_days IS 'Days whose status as it was known at 02:00 of the day is written.';
COMMENT ON COLUMN staffing.status_days.counts IS 'Engineers by status, as known.';

CREATE TABLE staffing.status_changes (
    engineer_id  text NOT NULL,
    day          date NOT NULL,
    revision     integer NOT NULL CHECK (revision >= 0),
    status       text,
    previous     text,
    reason       text CHECK (reason IN ('hold', 'none', 'soon', 'working')),
    until        date,
    written_at   timestamptz NOT NULL,
    PRIMARY KEY (engineer_id, day, revision),
    CHECK ((status IS NULL) = (reason IS NULL))
);
COMMENT ON TABLE staffing.status_changes IS
    'Revision 0: the status of a day as known, where it is another than on the written day before; never rewritten. '
    'Higher ones: corrections of that day alone, by what was recorded later.';
COMMENT ON COLUMN staffing.status_changes.status IS 'NULL: nobody of that id is there, not yet or no longer.';
CREATE INDEX status_changes_day ON staffing.status_changes USING brin (day);

CREATE TABLE staffing.account_findings (
    kind         text NOT NULL CHECK (kind IN ('contract_ended', 'no_sign_in')),
    subject      text NOT NULL,
    company_id   text NOT NULL,
    since        date,
    found_on     date NOT NULL,
    PRIMARY KEY (kind, subject)
);
COMMENT ON TABLE staffing.account_findings IS
    'Accounts that somebody has to look at, as of the newest day that was checked: companies past the last day of '
    'their contracts, and users who have not signed in for 90 days.';
COMMENT ON COLUMN staffing.account_findings.subject IS 'The id of the company, or of the user.';
COMMENT ON COLUMN staffing.account_findings.since IS
    'The last day of the contracts; the last day of a sign-in, without any that of the account''s making.';

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

CREATE FUNCTION staffing.companies_on(day date) RETURNS TABLE (company_id text)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.company_id FROM staffing.companies AS c
    WHERE (c.created_at IS NULL OR c.created_at < staffing.day_start(day + 1))
      AND (c.closed_at IS NULL OR c.closed_at > staffing.day_start(day));
END;
COMMENT ON FUNCTION staffing.companies_on IS 'Companies that existed in any moment of a day.';

CREATE FUNCTION staffing.usage_on(day date)
RETURNS TABLE (company_id text, total_users integer, total_engineers integer, active_users integer,
               active_engineers integer, approach_count integer, email_sent_count integer, login_count integer,
               storage_usage_mb numeric, api_call_count integer, feature_usage jsonb)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH loaded AS (
        SELECT u.company_id, u.total_users, u.total_engineers FROM staffing.usage_days AS u
        WHERE u.date = day AND u.source = 'loaded'
    ), users AS (
        SELECT u.company_id, count(*) AS total FROM staffing.users AS u
        WHERE (u.created_at IS NULL OR u.created_at < staffing.day_start(day + 1))
          AND (u.deleted_at IS NULL OR u.deleted_at >= staffing.day_start(day + 1))
        GROUP BY u.company_id
    ), engineers AS (
        SELECT e.company_id, count(*) AS total, count(*) FILTER (WHERE e.engineer_id IN (
            SELECT a.engineer_id FROM staffing.confirmed_assignments('infinity') AS a
            WHERE a.starts_on <= day AND (a.ends_on IS NULL OR a.ends_on >= day)
        )) AS active
        FROM staffing.engineers AS e
        WHERE (e.created_at IS NULL OR e.created_at < staffing.day_start(day + 1))
          AND (e.deleted_at IS NULL OR e.deleted_at >= staffing.day_start(day + 1))
        GROUP BY e.company_id
    ), files AS (
        SELECT f.company_id, sum(f.bytes) AS bytes FROM staffing.files AS f
        WHERE (f.created_at IS NULL OR f.created_at < staffing.day_start(day + 1))
          AND (f.deleted_at IS NULL OR f.deleted_at >= staffing.day_start(day + 1))
        GROUP BY f.company_id
    ), logins AS (
        SELECT l.company_id, l.user_id FROM staffing.logins AS l
        WHERE l.at >= staffing.day_start(day) AND l.at < staffing.day_start(day + 1)
    ), requests AS (
        SELECT r.company_id, r.user_id, r.feature FROM staffing.api_requests AS r
        WHERE r.at >= staffing.day_start(day) AND r.at < staffing.day_start(day + 1)
    ), active AS (
        SELECT s.company_id, count(DISTINCT s.user_id) AS users
        FROM (SELECT * FROM logins UNION ALL SELECT r.company_id, r.user_id FROM requests AS r) AS s
        GROUP BY s.company_id
    ), login AS (
        SELECT l.company_id, count(*) AS total FROM logins AS l GROUP BY l.company_id
    ), feature AS (
        SELECT f.company_id, sum(f.calls) AS total, jsonb_object_agg(f.feature, f.calls) AS calls
        FROM (SELECT r.company_id, r.feature, count(*) AS calls FROM requests AS r GROUP BY r.company_id, r.feature) AS f
        GROUP BY f.company_id
    ), approach AS (
        SELECT a.company_id, count(*) AS total FROM staffing.approaches AS a
        WHERE a.sent_at >= staffing.day_start(day) AND a.sent_at < staffing.day_start(day + 1)
        GROUP BY a.company_id
    ), mail AS (
        SELECT m.company_id, count(*) AS total FROM staffing.mails AS m
        WHERE m.accepted_at >= staffing.day_start(day) AND m.accepted_at < staffing.day_start(day + 1)
        GROUP BY m.company_id
    )
    SELECT company_id, coalesce(loaded.total_users, users.total, 0)::integer,
           coalesce(loaded.total_engineers, engineers.total, 0)::integer, coalesce(active.users, 0)::integer,
           coalesce(engineers.active, 0)::integer, coalesce(approach.total, 0)::integer,
           coalesce(mail.total, 0)::integer, coalesce(login.total, 0)::integer,
           staffing.half_up_quotient(coalesce(files.bytes, 0), 1048576, 2), coalesce(feature.total, 0)::integer,
           coalesce(feature.calls, '{}')
    FROM staffing.companies_on(day)
    LEFT JOIN loaded USING (company_id)
    LEFT JOIN users USING (company_id)
    LEFT JOIN engineers USING (company_id)
    LEFT JOIN active USING (company_id)
    LEFT JOIN login USING (company_id)
    LEFT JOIN feature USING (company_id)
    LEFT JOIN approach USING (company_id)
    LEFT JOIN mail USING (company_id)
    LEFT JOIN files USING (company_id);
END;
COMMENT ON FUNCTION staffing.usage_on IS
    'What companies used on a day, by the facts: totals and storage as of its end, the others within it. Totals that '
    'were loaded stay.';

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
COMMENT ON TABLE staffing.approach_metrics IS
    'Approaches of a company by what happened on the day: so each is sent, opened and replied to on one day, and months '
    'are sums of days.';
COMMENT ON COLUMN staffing.approach_metrics.reply_rate IS 'Replied ÷ sent, 4 decimals half-up; NULL where none was sent.';
