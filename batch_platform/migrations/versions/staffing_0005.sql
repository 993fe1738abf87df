-- Weekly jobs: what was done, what somebody has to look at, and how fast each week was.

CREATE TABLE staffing.maintenance_runs (
    job          text NOT NULL CHECK (job IN ('maintenance', 'performance')),
    partition    date NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    deeds        jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (job, partition)
);
COMMENT ON TABLE staffing.maintenance_runs IS 'A row a Sunday of maintenance, and a Monday that begins an analysed week.';
COMMENT ON COLUMN staffing.maintenance_runs.deeds IS 'What was done by all runs of the partition, in order.';

CREATE TABLE staffing.maintenance_findings (
    job        text NOT NULL,
    partition  date NOT NULL,
    kind       text NOT NULL,
    subject    text NOT NULL,
    severity   text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    what       jsonb NOT NULL,
    to_do      jsonb NOT NULL,
    found_at   timestamptz NOT NULL,
    PRIMARY KEY (job, partition, kind, subject),
    FOREIGN KEY (job, partition) REFERENCES staffing.maintenance_runs
);
COMMENT ON TABLE staffing.maintenance_findings IS 'What somebody has to look at; another run of the partition says it anew.';
COMMENT ON COLUMN staffing.maintenance_findings.what IS 'A message: id, text and parameters. So is to_do.';

CREATE TABLE staffing.performance_weeks (
    week          date PRIMARY KEY CHECK (extract(isodow FROM week) = 1),
    analysed_at   timestamptz NOT NULL,
    database      jsonb,
    report_key    text,
    report_sha256 text
);
COMMENT ON TABLE staffing.performance_weeks IS 'Weeks from Monday to Sunday in Tokyo.';
COMMENT ON COLUMN staffing.performance_weeks.database IS
    'The counters of the database as they stood soon after the week; NULL where it was analysed later.';

CREATE TABLE staffing.performance_figures (
    week      date NOT NULL REFERENCES staffing.performance_weeks,
    kind      text NOT NULL CHECK (kind IN ('route', 'feature', 'company')),
    subject   text NOT NULL,
    requests  integer NOT NULL,
    failed    integer NOT NULL,
    p50       numeric,
    p95       numeric,
    p99       numeric,
    PRIMARY KEY (week, kind, subject)
);
COMMENT ON COLUMN staffing.performance_figures.failed IS 'Answered 5xx.';
COMMENT ON COLUMN staffing.performance_figures.p95 IS 'Milliseconds, nearest rank; NULL where no duration is known.';
