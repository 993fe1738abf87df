-- Statuses: as facts say, and as the job has written them.

-- name: statuses
SELECT s.engineer_id, s.status, s.reason, s.until
FROM statuses_on(%(day)s, %(known_at)s) AS s
ORDER BY id_number(s.engineer_id) NULLS LAST, id_text(s.engineer_id);

-- name: statuses_page
-- with names; `search` is a part of an engineer's or a company's name, or an id
SELECT s.engineer_id, e.name, e.company_id, c.name AS company, s.status, s.reason, s.until
FROM statuses_on(%(day)s, %(known_at)s) AS s
LEFT JOIN engineers AS e ON e.engineer_id = s.engineer_id
LEFT JOIN companies AS c ON c.company_id = e.company_id
WHERE (%(status)s::text IS NULL OR s.status = %(status)s)
  AND (%(company_ids)s::text[] IS NULL OR e.company_id = ANY (%(company_ids)s))
  AND (%(search)s::text IS NULL OR %(search)s IN (id_text(s.engineer_id), id_text(e.company_id))
       OR position(lower(%(search)s) IN lower(e.name)) > 0 OR position(lower(%(search)s) IN lower(c.name)) > 0)
  AND (%(after)s::text IS NULL
       OR (coalesce(id_number(s.engineer_id), 'Infinity'), id_text(s.engineer_id))
          > (coalesce(id_number(%(after)s), 'Infinity'), id_text(%(after)s)))
ORDER BY coalesce(id_number(s.engineer_id), 'Infinity'), id_text(s.engineer_id)
LIMIT %(limit)s;

-- name: counts_on
SELECT s.status, count(*) AS engineers FROM statuses_on(%(day)s, %(known_at)s) AS s
GROUP BY s.status
ORDER BY s.status;

-- name: lock_statuses
-- one writes at a time; whoever waited finds what the other has written
SELECT pg_advisory_xact_lock(hashtextextended('batch_platform.staffing.statuses', 0));

-- name: status_day
SELECT d.day, d.known_at, d.written_at, d.corrected_at, d.engineers, d.counts FROM status_days AS d
WHERE d.day = %(day)s;

-- name: next_status_day
SELECT min(d.day) FROM status_days AS d WHERE d.day > %(day)s;

-- name: missing_status_days
-- of those from the first that is written to today; before there is any today alone
SELECT s.day::date AS day
FROM generate_series(coalesce((SELECT min(d.day) FROM status_days AS d), %(today)s::date)::timestamp,
                     %(today)s::date::timestamp, interval '1 day') AS s (day)
WHERE NOT EXISTS (SELECT FROM status_days AS d WHERE d.day = s.day::date)
ORDER BY s.day;

-- name: is_recorded_after
SELECT EXISTS (SELECT FROM assignments AS a WHERE a.recorded_at > %(at)s);

-- name: have_room
-- all engineers are sorted and joined at once
SET LOCAL work_mem = '64MB';

-- name: unstage_statuses
DROP TABLE IF EXISTS pg_temp.staged;

-- name: stage_statuses
-- each engineer's status beside what stands: of the day, its newest revision, else what an earlier day has written
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
SELECT engineer_id, s.status, s.reason, s.until, c.status AS previous, c.reason AS previous_reason,
       c.until AS previous_until, CASE WHEN c.day = %(day)s THEN c.revision ELSE 0 END AS revision
FROM statuses_on(%(day)s, %(known_at)s) AS s
FULL JOIN (
    SELECT DISTINCT ON (c.engineer_id) c.engineer_id, c.day, c.revision, c.status, c.reason, c.until
    FROM status_changes AS c
    WHERE c.day = %(day)s OR (c.day < %(day)s AND c.revision = 0)
    ORDER BY c.engineer_id, c.day DESC, c.revision DESC
) AS c USING (engineer_id);

-- name: transitions
SELECT s.previous, s.status, count(*) AS engineers FROM staged AS s
WHERE s.previous IS NOT NULL OR s.status IS NOT NULL
GROUP BY s.previous, s.status
ORDER BY s.previous NULLS FIRST, s.status NULLS FIRST;

-- name: changes_of
-- those that one run has written of a day
SELECT c.engineer_id, c.revision, c.previous, c.status, c.reason, c.until FROM status_changes AS c
WHERE c.day = %(day)s AND c.written_at = %(at)s
ORDER BY id_number(c.engineer_id) NULLS LAST, id_text(c.engineer_id), c.revision
LIMIT %(limit)s;

-- name: write_changes
-- in the order of the key, which its index takes at once
INSERT INTO status_changes (engineer_id, day, revision, status, previous, reason, until, written_at)
SELECT s.engineer_id, %(day)s, CASE WHEN %(correcting)s THEN s.revision + 1 ELSE 0 END, s.status, s.previous, s.reason,
       s.until, %(at)s
FROM staged AS s
WHERE s.status IS DISTINCT FROM s.previous
ORDER BY s.engineer_id;

-- name: carry_over
-- the next written day keeps what it said, where it said it by a row of an earlier day
INSERT INTO status_changes (engineer_id, day, revision, status, previous, reason, until, written_at)
SELECT s.engineer_id, %(next_day)s, 0, s.previous, s.status, s.previous_reason, s.previous_until, %(at)s
FROM staged AS s
WHERE s.status IS DISTINCT FROM s.previous
  AND NOT EXISTS (
    SELECT FROM status_changes AS c
    WHERE c.engineer_id = s.engineer_id AND c.day = %(next_day)s AND c.revision = 0
  );

-- name: write_status_day
INSERT INTO status_days (day, known_at, written_at, engineers, counts)
SELECT %(day)s, %(known_at)s, %(at)s, coalesce(sum(n.engineers), 0), coalesce(jsonb_object_agg(n.status, n.engineers), '{}')
FROM (
    SELECT s.status, count(*)::integer AS engineers FROM staged AS s WHERE s.status IS NOT NULL GROUP BY s.status
) AS n;

-- name: mark_corrected
UPDATE status_days SET corrected_at = %(at)s WHERE day = %(day)s;

-- name: set_engineers_status
UPDATE engineers AS e SET status = s.status, status_day = %(day)s
FROM staged AS s
WHERE e.engineer_id = s.engineer_id AND e.status IS DISTINCT FROM s.status;

-- name: status_counts
SELECT d.day, d.engineers, d.counts FROM status_days AS d
WHERE d.day > %(after)s AND d.day <= %(until)s
ORDER BY d.day;

-- name: standing_counts
-- as known on a day, out of the changes up to it
SELECT c.status, count(*) AS engineers
FROM (
    SELECT DISTINCT ON (c.engineer_id) c.status FROM status_changes AS c
    WHERE c.day <= %(day)s AND c.revision = 0
    ORDER BY c.engineer_id, c.day DESC
) AS c
WHERE c.status IS NOT NULL
GROUP BY c.status;
