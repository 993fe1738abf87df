-- Alert rules of backups, a row (subject, job, summary) for each thing that is wrong now, and their figure.

-- name: rule_backup_old
-- once there are backups at all
SELECT 'backup' AS subject, 'daily-backup' AS job,
       jsonb_build_object(
           'id', CASE WHEN max(verified_at) IS NULL THEN 'no-backup-verified' ELSE 'backup-old' END,
           'parameters', jsonb_strip_nulls(jsonb_build_object(
               'since', to_char(max(verified_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')))) AS summary
FROM staffing.backups
HAVING coalesce(max(verified_at), min(started_at)) < %(now)s - %(age)s::interval

-- name: rule_backup_faulty
-- the newest proof of a backup that is kept
SELECT b.night::text AS subject, 'daily-backup' AS job,
       jsonb_build_object('night', b.night, 'faults', coalesce(p.faults -> 0 -> 'message', p.faults -> 0 -> 'text')) AS summary
FROM staffing.backups AS b
CROSS JOIN LATERAL (
    SELECT * FROM staffing.backup_proofs AS p
    WHERE p.night = b.night AND p.attempt = b.attempt ORDER BY p.proof_no DESC LIMIT 1
) AS p
WHERE b.state <> 'deleted' AND NOT p.passed

-- name: rule_backup_files_missing
SELECT b.night::text AS subject, 'daily-backup' AS job,
       jsonb_build_object('count', b.missing_files, 'night', b.night) AS summary
FROM staffing.backups AS b
WHERE b.missing_files > 0 AND b.night = (SELECT max(night) FROM staffing.backups WHERE stored_at IS NOT NULL)

-- name: backup_age
SELECT 'daily-backup', extract(epoch FROM %(now)s - max(verified_at))
FROM staffing.backups
HAVING max(verified_at) IS NOT NULL
