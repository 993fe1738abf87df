-- The registry of deliveries: one row a manifest version, one row a file of a version.

-- name: lock_month
SELECT pg_advisory_xact_lock(hashtextextended('finops ' || %(project_id)s || ' ' || %(month)s::text, 0))

-- name: newest_version
SELECT manifest.version, manifest.bucket, manifest.manifest_key, manifest.manifest_etag,
       manifest.manifest_last_modified, manifest.delivered_at, manifest.first_seen_at, manifest.status, manifest.place,
       manifest.place <> project.place
       OR bool_or(manifest.place <> project.place AND manifest.status <> 'PUBLISHED') OVER () AS stale
FROM finops.finops_billing_manifests AS manifest
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND status <> 'SUPERSEDED'
-- of the present place before that of a former one; what waits to be published, of which there is one, before what is
ORDER BY manifest.place <> project.place, status = 'PUBLISHED', manifest_last_modified DESC
LIMIT 1

-- name: stale_months
SELECT billing_month
FROM finops.finops_billing_manifests AS manifest
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE project_id = %(project_id)s AND status <> 'SUPERSEDED'
GROUP BY billing_month
HAVING NOT bool_or(manifest.place = project.place)
    OR bool_or(manifest.place <> project.place AND manifest.status <> 'PUBLISHED')
ORDER BY billing_month

-- name: deliveries_under_way
SELECT manifest.billing_month, manifest.version, manifest.status, manifest.file_count, manifest.delivered_at,
       manifest.missing_keys, manifest.first_seen_at,
       count(file.object_key) FILTER (WHERE file.status = 'DONE') AS files_read,
       count(file.object_key) FILTER (WHERE file.status = 'ERROR') AS files_in_error
FROM finops.finops_billing_manifests AS manifest
JOIN finops.finops_project_connections AS project USING (project_id)
LEFT JOIN finops.finops_billing_files AS file USING (project_id, billing_month, version)
WHERE manifest.project_id = %(project_id)s AND manifest.status IN ('WAITING', 'REGISTERED')
  AND manifest.place = project.place
GROUP BY manifest.project_id, manifest.billing_month, manifest.version
ORDER BY manifest.billing_month DESC, manifest.delivered_at DESC

-- name: superseded_versions
SELECT version FROM finops.finops_billing_manifests
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND status = 'SUPERSEDED'

-- name: insert_manifest
INSERT INTO finops.finops_billing_manifests AS known (
    project_id, billing_month, version, assembly_id, bucket, manifest_key, manifest_etag, manifest_last_modified,
    delivered_at, file_count, total_bytes, status, missing_keys, first_seen_at, registered_at, place
)
SELECT %(project_id)s, %(month)s, %(version)s, %(assembly_id)s, %(bucket)s, %(manifest_key)s, %(manifest_etag)s,
       %(manifest_last_modified)s, %(delivered_at)s, %(file_count)s, %(total_bytes)s, %(status)s, %(missing)s,
       %(now)s, %(registered_at)s, project.place
FROM finops.finops_project_connections AS project
WHERE project.project_id = %(project_id)s
-- a manifest written again with the same content, one that stands still now, or a version that came back
ON CONFLICT (project_id, billing_month, version) DO UPDATE SET
    manifest_key = excluded.manifest_key,
    manifest_etag = excluded.manifest_etag,
    manifest_last_modified = excluded.manifest_last_modified,
    delivered_at = excluded.delivered_at,
    place = excluded.place,
    first_seen_at = CASE WHEN known.status = 'SUPERSEDED' THEN excluded.first_seen_at ELSE known.first_seen_at END,
    status = CASE WHEN known.status IN ('SUPERSEDED', 'WAITING') THEN excluded.status ELSE known.status END,
    registered_at =
        CASE WHEN known.status IN ('SUPERSEDED', 'WAITING') THEN excluded.registered_at ELSE known.registered_at END

-- name: insert_files
INSERT INTO finops.finops_billing_files AS known (
    project_id, billing_month, version, file_no, bucket_name, object_key, etag, size_bytes, last_modified, status,
    registered_at
)
SELECT %(project_id)s, %(month)s, %(version)s, listed.file_no, %(bucket)s, listed.object_key, listed.etag,
       listed.size_bytes, listed.last_modified, 'PENDING', %(now)s
FROM unnest(%(numbers)s::int[], %(keys)s::text[], %(etags)s::text[], %(sizes)s::bigint[], %(modified)s::timestamptz[])
    AS listed (file_no, object_key, etag, size_bytes, last_modified)
ON CONFLICT (project_id, billing_month, version, object_key) DO UPDATE SET
    status = 'PENDING', owner = NULL, lease_expires_at = NULL, error_message = NULL, finished_at = NULL
WHERE known.status = 'SUPERSEDED'

-- name: supersede_manifests
UPDATE finops.finops_billing_manifests SET status = 'SUPERSEDED'
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version <> %(version)s
  AND status IN ('WAITING', 'REGISTERED')

-- name: supersede_files
UPDATE finops.finops_billing_files SET
    status = 'SUPERSEDED', owner = NULL, lease_expires_at = NULL, fencing = fencing + 1
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version <> %(version)s
  AND status IN ('PENDING', 'PROCESSING', 'ERROR')

-- name: supersede_former_manifests
UPDATE finops.finops_billing_manifests AS manifest SET status = 'SUPERSEDED'
FROM finops.finops_project_connections AS project
WHERE manifest.project_id = %(project_id)s AND manifest.billing_month = %(month)s
  AND project.project_id = manifest.project_id AND manifest.place <> project.place
  AND manifest.status <> 'SUPERSEDED'

-- name: supersede_former_files
UPDATE finops.finops_billing_files AS file SET
    status = 'SUPERSEDED', owner = NULL, lease_expires_at = NULL, fencing = fencing + 1
FROM finops.finops_billing_manifests AS manifest
WHERE file.project_id = %(project_id)s AND file.billing_month = %(month)s AND file.status <> 'SUPERSEDED'
  AND (manifest.project_id, manifest.billing_month, manifest.version)
    = (file.project_id, file.billing_month, file.version)
  AND manifest.status = 'SUPERSEDED'

-- name: owners
SELECT DISTINCT owner FROM finops.finops_billing_files WHERE status = 'PROCESSING'

-- name: return_expired
UPDATE finops.finops_billing_files SET
    status = 'PENDING', owner = NULL, lease_expires_at = NULL, fencing = fencing + 1
WHERE status = 'PROCESSING' AND (lease_expires_at < %(now)s OR owner = ANY(%(dead_owners)s))

-- name: claim_files
WITH candidates AS (
    -- what a former connection left is read no more
    SELECT file.project_id, file.billing_month, file.version, file.object_key, file.file_no, file.size_bytes
    FROM finops.finops_billing_files AS file
    JOIN finops.finops_billing_manifests AS manifest USING (project_id, billing_month, version)
    JOIN finops.finops_project_connections AS project USING (project_id)
    WHERE file.status = 'PENDING' AND manifest.place = project.place
      AND (%(project_id)s::text IS NULL OR file.project_id = %(project_id)s)
      AND (%(month)s::date IS NULL OR file.billing_month = %(month)s)
    ORDER BY file.billing_month, file.project_id, file.file_no
    LIMIT %(limit)s
    FOR UPDATE OF file SKIP LOCKED
), claimable AS (
    -- the first file always, further ones while the shard has room
    SELECT *, sum(size_bytes) OVER (ORDER BY billing_month, project_id, file_no) - size_bytes AS bytes_before
    FROM candidates
)
UPDATE finops.finops_billing_files AS file SET
    status = 'PROCESSING', owner = %(owner)s, lease_expires_at = %(lease_expires_at)s,
    fencing = file.fencing + 1, attempts = file.attempts + 1, error_message = NULL
FROM claimable
WHERE file.project_id = claimable.project_id AND file.billing_month = claimable.billing_month
  AND file.version = claimable.version AND file.object_key = claimable.object_key
  AND file.status = 'PENDING' AND claimable.bytes_before < %(shard_bytes)s
RETURNING file.project_id, file.billing_month, file.version, file.file_no, file.bucket_name, file.object_key,
          file.etag, file.size_bytes, file.last_modified, file.fencing, file.failures

-- name: renew_leases
UPDATE finops.finops_billing_files SET lease_expires_at = %(lease_expires_at)s
WHERE owner = %(owner)s AND status = 'PROCESSING'

-- name: finish_file
UPDATE finops.finops_billing_files SET
    status = 'DONE', owner = NULL, lease_expires_at = NULL, finished_at = %(now)s, error_message = NULL,
    line_items_key = %(line_items_key)s, line_items_sha256 = %(line_items_sha256)s, row_count = %(row_count)s,
    stats = %(stats)s
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version = %(version)s
  AND object_key = %(object_key)s AND status = 'PROCESSING' AND fencing = %(fencing)s

-- name: give_back_file
UPDATE finops.finops_billing_files SET
    status = %(status)s, owner = NULL, lease_expires_at = NULL, error_message = %(error_message)s,
    error = %(error)s, failures = failures + 1
WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version = %(version)s
  AND object_key = %(object_key)s AND status = 'PROCESSING' AND fencing = %(fencing)s

-- name: reopen_file
WITH reopened AS (
    UPDATE finops.finops_billing_files SET status = 'PENDING', finished_at = NULL
    WHERE project_id = %(project_id)s AND billing_month = %(month)s AND version = %(version)s
      AND object_key = %(object_key)s AND status = 'DONE'
    RETURNING project_id, billing_month, version
)
UPDATE finops.finops_billing_manifests AS manifest SET status = 'REGISTERED'
FROM reopened
WHERE manifest.project_id = reopened.project_id AND manifest.billing_month = reopened.billing_month
  AND manifest.version = reopened.version AND manifest.status = 'PUBLISHED'

-- name: files_to_requeue
-- those in ERROR; with all files also those of the newest version that are DONE
SELECT file.project_id, file.billing_month, file.version, file.object_key
FROM finops.finops_billing_files AS file
WHERE (file.status = 'ERROR' OR (%(all_files)s AND file.status = 'DONE' AND file.version = (
        SELECT newest.version
        FROM finops.finops_billing_manifests AS newest
        WHERE newest.project_id = file.project_id AND newest.billing_month = file.billing_month
          AND newest.status <> 'SUPERSEDED'
        ORDER BY newest.manifest_last_modified DESC, coalesce(newest.registered_at, newest.first_seen_at) DESC
        LIMIT 1)))
  AND (%(project_id)s::text IS NULL OR file.project_id = %(project_id)s)
  AND (%(month)s::date IS NULL OR file.billing_month = %(month)s)
  AND (%(object_key)s::text IS NULL OR file.object_key = %(object_key)s)
ORDER BY file.project_id, file.billing_month, file.file_no
FOR UPDATE OF file

-- name: requeue_files
WITH requeued AS (
    UPDATE finops.finops_billing_files AS file SET
        status = 'PENDING', error_message = NULL, finished_at = NULL, attempts = attempts + 1, failures = 0
    FROM unnest(%(project_ids)s::text[], %(months)s::date[], %(versions)s::text[], %(object_keys)s::text[])
        AS wanted (project_id, billing_month, version, object_key)
    WHERE (file.project_id, file.billing_month, file.version, file.object_key)
        = (wanted.project_id, wanted.billing_month, wanted.version, wanted.object_key)
    RETURNING file.project_id, file.billing_month, file.version
)
-- the month stays as it is published, and waits for the files
UPDATE finops.finops_billing_manifests AS manifest SET status = 'REGISTERED'
FROM requeued
WHERE manifest.project_id = requeued.project_id AND manifest.billing_month = requeued.billing_month
  AND manifest.version = requeued.version AND manifest.status = 'PUBLISHED'

-- name: months_to_aggregate
SELECT file.project_id, file.billing_month, file.version,
       sum(file.attempts)::bigint AS attempts,
       sum(file.size_bytes)::bigint AS total_bytes
FROM finops.finops_billing_files AS file
JOIN finops.finops_billing_manifests AS manifest USING (project_id, billing_month, version)
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE manifest.status = 'REGISTERED' AND manifest.place = project.place
  AND (project_id = %(project_id)s OR (%(project_id)s::text IS NULL AND project.enabled))
GROUP BY file.project_id, file.billing_month, file.version
HAVING count(*) FILTER (WHERE file.status = 'ERROR') < count(*)
   AND count(*) FILTER (WHERE file.status = 'PROCESSING' AND file.lease_expires_at >= %(now)s) = 0
   AND (count(*) FILTER (WHERE file.status IN ('PENDING', 'PROCESSING')) > 0
        OR count(*) FILTER (WHERE file.status = 'DONE') = count(*))
   AND greatest(max(file.registered_at), max(file.finished_at)) <= %(quiet_since)s
ORDER BY file.billing_month, file.project_id

-- name: empty_registered_months
SELECT project_id, billing_month, version
FROM finops.finops_billing_manifests AS manifest
JOIN finops.finops_project_connections AS project USING (project_id)
WHERE status = 'REGISTERED' AND file_count = 0 AND registered_at <= %(quiet_since)s
  AND manifest.place = project.place
  AND (project_id = %(project_id)s OR (%(project_id)s::text IS NULL AND project.enabled))
ORDER BY billing_month, project_id

-- name: months_to_recompute
SELECT project_id, billing_month, version
FROM finops.finops_months AS month
JOIN finops.finops_project_connections AS project USING (project_id)
JOIN finops.finops_billing_manifests AS manifest USING (project_id, billing_month, version)
WHERE (month.place, month.account_scope) IS DISTINCT FROM (project.place, project.account_scope)
  AND manifest.place = project.place AND manifest.status = 'PUBLISHED'
  AND (project_id = %(project_id)s OR (%(project_id)s::text IS NULL AND project.enabled))
ORDER BY billing_month, project_id

-- name: files
SELECT project_id, billing_month, version, file_no, bucket_name, object_key, etag, size_bytes, last_modified, status, owner,
       lease_expires_at, attempts, error_message, error, line_items_key, line_items_sha256, row_count, stats, registered_at,
       finished_at
FROM finops.finops_billing_files
WHERE project_id = %(project_id)s
  AND (%(month)s::date IS NULL OR billing_month = %(month)s)
  AND (%(version)s::text IS NULL OR version = %(version)s)
ORDER BY billing_month, registered_at, version, file_no

-- name: files_page
SELECT project_id, billing_month, version, file_no, object_key, size_bytes, last_modified, status, attempts,
       error_message, error, row_count, registered_at, finished_at
FROM finops.finops_billing_files
WHERE project_id = %(project_id)s
  AND (%(month)s::date IS NULL OR billing_month = %(month)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(after_month)s::date IS NULL
       OR (billing_month, registered_at, version, -file_no)
          < (%(after_month)s, %(after_registered_at)s::timestamptz, %(after_version)s::text, -%(after_file_no)s::int))
ORDER BY billing_month DESC, registered_at DESC, version DESC, file_no
LIMIT %(limit)s OFFSET %(offset)s

-- name: file_counts
SELECT status, count(*) AS files FROM finops.finops_billing_files
WHERE project_id = %(project_id)s
GROUP BY status
