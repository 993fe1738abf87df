-- Projects whose reports the sensor could not read at its last look, and why.

CREATE TABLE finops.finops_unreadable_projects (
    project_id text PRIMARY KEY,
    since      timestamptz NOT NULL,
    permanent  boolean NOT NULL,
    failure    jsonb NOT NULL
);
COMMENT ON TABLE finops.finops_unreadable_projects IS 'Projects whose reports the sensor could not read at its last look.';
COMMENT ON COLUMN finops.finops_unreadable_projects.permanent IS 'Whether it does not get better by waiting.';
COMMENT ON COLUMN finops.finops_unreadable_projects.failure IS 'Why, as a message: id, text and parameters.';
