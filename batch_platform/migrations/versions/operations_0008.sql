-- Since when schedules and sensors are off, and how long they may be.

ALTER TABLE operations.jobs ADD COLUMN off_limit interval;
COMMENT ON COLUMN operations.jobs.off_limit IS
    'How long what starts it may be off before that is critical; NULL: nobody is to be called for it.';

ALTER TABLE operations.triggers ADD COLUMN stopped_at timestamptz;
COMMENT ON COLUMN operations.triggers.stopped_at IS 'Since when it is known to be off; NULL while it is on.';
