-- A calendar that cannot be read is an incident of its job and hinders no other.

ALTER TABLE operations.jobs ADD COLUMN calendar_error text;
COMMENT ON COLUMN operations.jobs.calendar_error IS 'Why the due moments of its cron cannot be told; NULL: they can.';
