-- What waits for operators, and the reminders of all that waits. Rows as `waiting_lists.WaitingList` has them.

-- name: waiting_dead_letter
SELECT id AS subject, job, failed_at AS since, NULL::timestamptz AS until, '{}'::text[] AS not_by,
       jsonb_build_object('job', job, 'attempts', attempts, 'place', concat_ws('…', partition, partition_end)) AS facts
FROM operations.dead_letters
WHERE state = 'open'
ORDER BY failed_at
LIMIT %(limit)s

-- name: waiting_missed_moment
-- The newest due moment of each schedule that nothing has met yet; who runs the job by hand has met it.
SELECT d.job || ' ' || d.trigger AS subject, d.job, d.due_at AS since, d.deadline_at AS until, '{}'::text[] AS not_by,
       jsonb_build_object('job', d.job, 'schedule', d.trigger) AS facts
FROM operations.due_moments d
JOIN operations.triggers t ON (t.job, t.name) = (d.job, d.trigger) AND t.enabled
JOIN operations.jobs j ON j.name = d.job AND j.retired_at IS NULL
WHERE d.met_at IS NULL AND d.due_at > t.judged_from AND d.due_at > %(now)s - %(horizon)s::interval
  AND NOT EXISTS (
      SELECT FROM operations.due_moments later
      WHERE later.job = d.job AND later.trigger = d.trigger AND later.due_at > d.due_at)
ORDER BY d.deadline_at
LIMIT %(limit)s

-- name: waiting_pause
SELECT id::text AS subject, NULL::text AS job, begins_at AS since, ends_at AS until, '{}'::text[] AS not_by,
       jsonb_build_object('reason', reason, 'by', declared_by) AS facts
FROM operations.pauses
WHERE begins_at <= %(now)s AND coalesce(ended_at, ends_at) > %(now)s
LIMIT %(limit)s

-- name: rule_reminder
SELECT subject, job, summary::jsonb FROM unnest(%(subjects)s::text[], %(jobs)s::text[], %(summaries)s::text[])
     AS due (subject, job, summary)
