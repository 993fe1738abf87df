-- Snapshots, changesets, the mirror of the records, the audit of states, and rejections.

-- name: insert_snapshot
INSERT INTO zengin.snapshots (
    id, business_date, content_hash, source, version, sha256, received_at, banks, branches, orphans, bootstrap,
    location, checks)
VALUES (
    %(id)s, %(business_date)s, %(content_hash)s, %(source)s, %(version)s, %(sha256)s, %(received_at)s, %(banks)s,
    %(branches)s, %(orphans)s, %(bootstrap)s, %(location)s, %(checks)s)
ON CONFLICT DO NOTHING

-- name: ask_for_bootstrap
UPDATE zengin.snapshots SET bootstrap = true WHERE id = %(id)s AND NOT bootstrap

-- name: judge_snapshot
UPDATE zengin.snapshots SET
    verdict = %(verdict)s, hold_reason = %(hold_reason)s, reason = %(reason)s, judged_at = %(now)s
WHERE id = %(id)s
  AND (verdict IS NULL OR (verdict, hold_reason) IS DISTINCT FROM (%(verdict)s::text, %(hold_reason)s::text))

-- name: snapshots
SELECT id, business_date, content_hash, source, version, sha256, received_at, banks, branches, orphans, bootstrap,
       location, checks, verdict, hold_reason, reason, judged_at
FROM zengin.snapshots
WHERE (%(id)s::text IS NULL OR id = %(id)s)
  AND (%(business_date)s::date IS NULL OR business_date = %(business_date)s)
  AND (%(until)s::date IS NULL OR business_date <= %(until)s)
  AND (%(before)s::timestamptz IS NULL OR (received_at, id) < (%(before)s, %(before_id)s::text))
ORDER BY received_at DESC, id DESC
LIMIT %(limit)s

-- name: accepted_hashes
SELECT content_hash FROM zengin.snapshots
WHERE verdict IN ('accepted', 'noop')
GROUP BY content_hash
ORDER BY max(judged_at)

-- name: insert_changeset
INSERT INTO zengin.changesets (
    id, snapshot_hash, business_date, verdict, hold_reason, reason, message, counts, payload_hash, base_content_hash,
    status, version, needs_approvals, approvals, inverse_of, proposed_by, created_at, updated_at)
VALUES (
    %(id)s, %(snapshot_hash)s, %(business_date)s, %(verdict)s, %(hold_reason)s, %(reason)s, %(message)s, %(counts)s,
    %(payload_hash)s, %(base_content_hash)s, %(status)s, %(version)s, %(needs_approvals)s, %(approvals)s,
    %(inverse_of)s, %(proposed_by)s, %(created_at)s, %(now)s)
ON CONFLICT (id) DO NOTHING

-- name: update_changeset
UPDATE zengin.changesets SET
    verdict = %(verdict)s, hold_reason = %(hold_reason)s, reason = %(reason)s, message = %(message)s,
    counts = %(counts)s,
    payload_hash = %(payload_hash)s, base_content_hash = %(base_content_hash)s, status = %(status)s,
    version = %(version)s, needs_approvals = %(needs_approvals)s, approvals = %(approvals)s, updated_at = %(now)s
WHERE id = %(id)s AND version = %(expected)s

-- name: lock_changeset
SELECT pg_advisory_xact_lock(hashtextextended('zengin changeset ' || %(id)s, 0))

-- name: lock_proposals
SELECT pg_advisory_xact_lock(hashtextextended('zengin proposals', 0))

-- name: changesets
SELECT id, snapshot_hash, business_date, verdict, hold_reason, reason, message, counts, payload_hash,
       base_content_hash, status, version, needs_approvals, approvals, inverse_of, proposed_by, created_at
FROM zengin.changesets
WHERE (%(ids)s::text[] IS NULL OR id = ANY(%(ids)s))
  AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
  AND (%(business_date)s::date IS NULL OR business_date = %(business_date)s)
  AND (%(inverse_of)s::text IS NULL OR inverse_of = %(inverse_of)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s, %(before_id)s::text))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s

-- name: most_approvals
SELECT coalesce(max(accounts), 0) AS accounts
FROM (
    SELECT count(DISTINCT given.who) AS accounts
    FROM zengin.records AS record
    JOIN zengin.transitions AS given ON given.target = 'record' AND given.target_id = record.id
    WHERE record.changeset_id = %(changeset_id)s AND record.status = 'completed' AND given.reason = 'approved'
      AND NOT EXISTS (
          SELECT FROM zengin.transitions AS back
          WHERE back.target = 'record' AND back.target_id = record.id AND back.reason = 'approval taken back'
            AND back.version > given.version)
    GROUP BY record.id
) AS approved

-- name: create_mirrored
CREATE TEMPORARY TABLE zengin_mirrored (
    id            text NOT NULL,
    recorded_at   timestamptz NOT NULL,
    changeset_id  text NOT NULL,
    diff_type     text NOT NULL,
    table_name    text,
    record_id     text,
    base_hash     text,
    new_hash      text,
    change_class  text,
    risk          text NOT NULL,
    status        text NOT NULL,
    version       integer NOT NULL,
    not_before    date
) ON COMMIT DROP

-- name: insert_record_transitions
-- one row a version of a record, also where the mirror is ahead of what is written here
INSERT INTO zengin.transitions (at, who, target, target_id, from_status, to_status, version, reason, message)
SELECT %(now)s, %(who)s, 'record', mirrored.id,
       CASE WHEN known.version = mirrored.version - 1 THEN known.status END, mirrored.status, mirrored.version,
       %(reason)s, %(message)s
FROM zengin_mirrored AS mirrored
LEFT JOIN zengin.records AS known USING (id)
ORDER BY mirrored.id
ON CONFLICT (target, target_id, version) DO NOTHING

-- name: upsert_records
INSERT INTO zengin.records AS known (
    id, recorded_at, changeset_id, diff_type, table_name, record_id, base_hash, new_hash, change_class, risk, status,
    version, not_before, updated_at)
SELECT id, recorded_at, changeset_id, diff_type, table_name, record_id, base_hash, new_hash, change_class, risk,
       status, version, not_before, %(now)s
FROM zengin_mirrored
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, version = excluded.version, not_before = excluded.not_before,
    updated_at = excluded.updated_at
WHERE known.version < excluded.version

-- name: drop_mirrored
DROP TABLE zengin_mirrored

-- name: insert_transition
INSERT INTO zengin.transitions (at, who, target, target_id, from_status, to_status, version, reason, message)
VALUES (%(now)s, %(who)s, %(target)s, %(target_id)s, %(from_status)s, %(to_status)s, %(version)s, %(reason)s,
        %(message)s)
ON CONFLICT (target, target_id, version) DO NOTHING

-- name: transitions
SELECT at, who, from_status, to_status, version, reason, message
FROM zengin.transitions
WHERE target = %(target)s AND target_id = %(target_id)s
ORDER BY version

-- name: record_keys
SELECT id, recorded_at
FROM zengin.records
WHERE changeset_id = %(changeset_id)s AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
ORDER BY table_name, record_id, id

-- name: record_time
SELECT recorded_at FROM zengin.records WHERE id = %(id)s

-- name: open_records
-- of these keys, and every open bulk record
SELECT id, recorded_at, changeset_id, diff_type, table_name AS "table", record_id AS key, base_hash, new_hash, status
FROM zengin.records
WHERE status IN ('pending', 'approved', 'executing', 'failed')
  AND (%(keys)s::text[] IS NULL OR record_id IS NULL OR record_id = ANY(%(keys)s))
ORDER BY recorded_at, id

-- name: record_counts
SELECT changeset_id, status, risk, change_class, count(*) AS records, min(recorded_at) AS oldest
FROM zengin.records
WHERE (%(changeset_ids)s::text[] IS NULL OR changeset_id = ANY(%(changeset_ids)s))
  AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
GROUP BY changeset_id, status, risk, change_class

-- name: approved_changesets
SELECT DISTINCT changeset_id, changeset.created_at
FROM zengin.records AS record
JOIN zengin.changesets AS changeset ON changeset.id = record.changeset_id
WHERE record.status IN ('approved', 'executing') AND coalesce(record.not_before, '-infinity') <= %(business_date)s
ORDER BY changeset.created_at, changeset_id

-- name: insert_rejections
INSERT INTO zengin.rejections (
    table_name, record_id, base_hash, new_hash, changeset_id, rejected_by, rejected_at, reason)
SELECT refused.table_name, refused.record_id, refused.base_hash, refused.new_hash, %(changeset_id)s, %(who)s, %(now)s,
       %(reason)s
FROM unnest(%(tables)s::text[], %(keys)s::text[], %(bases)s::text[], %(news)s::text[])
    AS refused (table_name, record_id, base_hash, new_hash)
ON CONFLICT DO NOTHING

-- name: rejected
SELECT table_name, record_id, base_hash, new_hash
FROM zengin.rejections
WHERE %(keys)s::text[] IS NULL OR record_id = ANY(%(keys)s)
