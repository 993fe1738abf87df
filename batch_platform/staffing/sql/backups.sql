-- Nights and their proofs.

-- name: begin_backup
-- taken unless another attempt is under way, or the night is stored already
INSERT INTO backups AS b (night, state, attempt, worker, lease_until, started_at)
VALUES (%(night)s, 'running', 1, %(worker)s, %(until)s, %(now)s)
ON CONFLICT (night) DO UPDATE
SET state = 'running', attempt = b.attempt + 1, worker = excluded.worker, lease_until = excluded.lease_until,
    started_at = excluded.started_at, stored_at = NULL, verified_at = NULL, deleted_at = NULL, manifest_sha256 = NULL,
    objects = '{}', error = NULL
WHERE b.attempt = %(seen)s AND b.state = %(state)s
RETURNING attempt;

-- name: lease_backup
-- whoever proves a stored backup holds it too
UPDATE backups
SET worker = %(worker)s, lease_until = %(until)s
WHERE night = %(night)s AND attempt = %(attempt)s AND worker IS NOT DISTINCT FROM %(seen)s;

-- name: renew_backup
UPDATE backups
SET lease_until = %(until)s
WHERE night = %(night)s AND attempt = %(attempt)s AND worker = %(worker)s;

-- name: release_backup
UPDATE backups
SET worker = NULL, lease_until = NULL
WHERE night = %(night)s AND attempt = %(attempt)s AND worker = %(worker)s;

-- name: store_backup
UPDATE backups
SET state = 'stored', stored_at = %(now)s, manifest_sha256 = %(manifest_sha256)s, objects = %(objects)s,
    tables = %(tables)s, rows = %(rows)s, files = %(files)s, bytes = %(bytes)s, missing_files = %(missing_files)s
WHERE night = %(night)s AND attempt = %(attempt)s AND worker = %(worker)s AND state = 'running';

-- name: adopt_backup
-- a restored database holds its own backup as it was while the dump ran
UPDATE backups
SET state = 'stored', worker = NULL, lease_until = NULL, stored_at = %(now)s, manifest_sha256 = %(manifest_sha256)s,
    objects = %(objects)s, tables = %(tables)s, rows = %(rows)s, files = %(files)s, bytes = %(bytes)s,
    missing_files = %(missing_files)s
WHERE night = %(night)s AND attempt = %(attempt)s AND state = 'running';

-- name: fail_backup
-- one that is stored is still to be proved
UPDATE backups
SET state = 'failed', error = %(error)s
WHERE night = %(night)s AND attempt = %(attempt)s AND worker = %(worker)s AND state = 'running';

-- name: add_backup_proof
INSERT INTO backup_proofs (night, attempt, site, at, seconds, passed, faults, tables, rows, files, amcheck)
VALUES (%(night)s, %(attempt)s, %(site)s, %(at)s, %(seconds)s, %(passed)s, %(faults)s, %(tables)s, %(rows)s, %(files)s,
    %(amcheck)s);

-- name: settle_backup
-- what a proof found is what the backup is, also one that was verified before
UPDATE backups
SET state = CASE WHEN %(passed)s THEN 'verified' ELSE 'failed' END,
    verified_at = CASE WHEN %(passed)s THEN %(at)s ELSE verified_at END,
    error = %(error)s
WHERE night = %(night)s AND attempt = %(attempt)s AND state IN ('stored', 'verified', 'failed')
  AND manifest_sha256 IS NOT NULL;

-- name: delete_backup
UPDATE backups
SET state = 'deleted', deleted_at = %(now)s, worker = NULL, lease_until = NULL
WHERE night = %(night)s;

-- name: backup
SELECT * FROM backups WHERE night = %(night)s;

-- name: newest_backup
SELECT * FROM backups WHERE manifest_sha256 IS NOT NULL AND state <> 'deleted' ORDER BY night DESC LIMIT 1;

-- name: backup_states
SELECT night, state FROM backups ORDER BY night;

-- name: backups_page
SELECT b.*, p.at AS proved_at, p.seconds AS proof_seconds, p.passed AS proof_passed, p.faults, p.amcheck,
    p.site AS proof_site
FROM backups AS b
LEFT JOIN LATERAL (
    SELECT * FROM backup_proofs AS p WHERE p.night = b.night ORDER BY p.proof_no DESC LIMIT 1
) AS p ON true
WHERE %(before)s::date IS NULL OR b.night < %(before)s
ORDER BY b.night DESC
LIMIT %(limit)s;

-- name: proofs_of_backup
SELECT * FROM backup_proofs WHERE night = %(night)s ORDER BY proof_no DESC;

-- name: backup_with_object
-- the night another object of these bytes was stored in
SELECT b.night
FROM backups AS b, jsonb_each(b.objects) AS o (name, stored)
WHERE o.stored ->> 'sha256' = %(sha256)s AND b.night <> %(night)s
ORDER BY b.night DESC
LIMIT 1;

-- name: keys_of_files
-- files that ought to be in the bucket
SELECT object_key FROM files WHERE object_key IS NOT NULL AND deleted_at IS NULL ORDER BY object_key;

-- name: database_size
SELECT pg_database_size(current_database()) AS bytes;
