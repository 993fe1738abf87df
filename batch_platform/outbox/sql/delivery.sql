-- What the resident worker does with notices. It alone moves those that are being sent, each under its fence.

-- name: claim
-- In one statement: what is due, whether it may be sent at all, and to whom it now belongs.
WITH due AS (
    SELECT id, domain, channel, category, recipient, lower(recipient) AS called, next_attempt_at
      FROM outbox.notices
     WHERE state = 'pending' AND next_attempt_at <= %(now)s
     ORDER BY next_attempt_at, id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), permitted AS (
    SELECT due.*,
           CASE
               WHEN suppressed.recipient IS NOT NULL THEN 'suppressed'
               WHEN due.category = 'advertising' AND consent.granted IS NULL THEN 'no-consent'
               WHEN due.category = 'advertising' AND NOT consent.granted THEN 'opted-out'
               ELSE veto.obstacle
           END AS obstacle,
           veto.detail
      FROM due
      LEFT JOIN outbox.vetoes(ARRAY(SELECT id FROM due), %(now)s) veto ON veto.id = due.id
      LEFT JOIN outbox.suppressions suppressed
             ON suppressed.channel = due.channel AND suppressed.recipient = due.called
      LEFT JOIN LATERAL (
               SELECT granted FROM outbox.consents
                WHERE domain = due.domain AND channel = due.channel AND recipient = due.called
                ORDER BY id DESC LIMIT 1) consent ON due.category = 'advertising'
), counted AS (
    SELECT id, category, obstacle, detail,
           row_number() OVER (PARTITION BY channel, called, category, obstacle ORDER BY next_attempt_at, id)
           + CASE WHEN category = 'advertising' THEN (
                 SELECT count(*) FROM outbox.notices sent
                  WHERE sent.category = 'advertising' AND sent.channel = permitted.channel
                    AND lower(sent.recipient) = permitted.called
                    AND (sent.state IN ('sending', 'accepted', 'delivered', 'bounced')
                         OR sent.unknown_since IS NOT NULL)
                    AND sent.attempted_at > %(now)s - interval '24 hours'
                    AND NOT EXISTS (SELECT FROM due WHERE due.id = sent.id)) ELSE 0 END AS number
      FROM permitted
), judged AS (
    SELECT id, CASE WHEN category = 'advertising' AND obstacle IS NULL AND number > %(advertising_per_day)s
                    THEN 'frequency-cap' ELSE obstacle END AS obstacle,
           CASE WHEN obstacle IN ('vetoed', 'not-judged') THEN detail END AS detail
      FROM counted
)
UPDATE outbox.notices n
   SET state = CASE WHEN obstacle IS NULL THEN 'sending' WHEN obstacle = 'suppressed' THEN 'suppressed'
                    WHEN obstacle = 'not-judged' THEN 'failed' ELSE 'skipped' END,
       reason = obstacle,
       detail = judged.detail,
       message_id = coalesce(message_id, format('<%%s@%%s>', n.id, %(host)s::text)),
       attempts = attempts + (obstacle IS NULL)::int,
       attempted_at = CASE WHEN obstacle IS NULL THEN %(now)s ELSE attempted_at END,
       settled_at = CASE WHEN obstacle IS NULL THEN NULL ELSE %(now)s END,
       lease_owner = CASE WHEN obstacle IS NULL THEN %(owner)s END,
       lease_until = CASE WHEN obstacle IS NULL THEN %(until)s END,
       fence = fence + 1
  FROM judged
 WHERE n.id = judged.id
RETURNING n.*

-- name: lock_claims
-- Claims are short and one after the other: two at once could both count what the other is about to send.
SELECT pg_advisory_xact_lock(hashtextextended('outbox claim', 0))

-- name: lease_owners
SELECT DISTINCT lease_owner FROM outbox.notices WHERE state = 'sending'

-- name: give_back
-- What a worker left when it died, or kept for longer than its lease: whether it was taken is not known.
UPDATE outbox.notices
   SET state = 'pending', reason = 'unknown', unknown_since = %(now)s,
       next_attempt_at = %(now)s, lease_owner = NULL, lease_until = NULL, fence = fence + 1
 WHERE state = 'sending' AND (lease_until <= %(now)s OR lease_owner = ANY(%(dead)s))

-- name: renew
UPDATE outbox.notices
   SET lease_until = %(until)s
 WHERE state = 'sending' AND lease_owner = %(owner)s AND lease_until > %(now)s

-- name: hold
UPDATE outbox.notices
   SET lease_until = %(until)s
 WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending' AND lease_until > %(now)s

-- name: keep_rendered
UPDATE outbox.notices n
   SET subject = r.subject, body_text = r.body_text, body_html = r.body_html
  FROM jsonb_to_recordset(%(rendered)s::jsonb)
       AS r(id uuid, fence bigint, subject text, body_text text, body_html text)
 WHERE n.id = r.id AND n.fence = r.fence AND n.state = 'sending'

-- name: settle
UPDATE outbox.notices
   SET state = %(state)s, reason = %(reason)s, detail = %(detail)s,
       provider_id = coalesce(%(provider_id)s, provider_id),
       attempts = %(attempts)s, next_attempt_at = coalesce(%(next_attempt_at)s, next_attempt_at),
       unknown_since = %(unknown_since)s,
       accepted_at = CASE WHEN %(state)s = 'accepted' THEN %(now)s ELSE accepted_at END,
       settled_at = CASE WHEN %(state)s <> 'pending' THEN %(now)s END,
       lease_owner = NULL, lease_until = NULL
 WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'

-- name: settle_events
-- What a provider told later. Gives the ids that are known; the others may be of notices not yet written down.
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%(events)s::jsonb)
           AS e(provider_id text, state text, reason text, detail text, suppression text)
), known AS (
    SELECT told.*, n.id, n.channel, lower(n.recipient) AS recipient
      FROM told JOIN outbox.notices n USING (provider_id)
), suppressed AS (
    INSERT INTO outbox.suppressions (channel, recipient, reason, detail, created_at, created_by)
    SELECT DISTINCT ON (channel, recipient) channel, recipient, suppression, detail, %(now)s, %(by)s
      FROM known
     WHERE suppression IS NOT NULL
     ORDER BY channel, recipient, suppression
    ON CONFLICT DO NOTHING
), changed AS (
    -- a bounce may follow a delivery, never the other way round
    UPDATE outbox.notices n
       SET state = last.state, reason = last.reason, detail = last.detail, settled_at = %(now)s
      FROM (SELECT DISTINCT ON (id) * FROM known WHERE state IS NOT NULL ORDER BY id, state) last
     WHERE n.id = last.id AND (n.state = 'accepted' OR (n.state = 'delivered' AND last.state = 'bounced'))
)
SELECT DISTINCT provider_id FROM known

-- name: clear
-- The rows stay: their keys keep old facts from being told again.
WITH old AS (
    SELECT id FROM outbox.notices
     WHERE cleared_at IS NULL AND settled_at < %(before)s AND state <> 'failed'
     ORDER BY settled_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE outbox.notices n
   SET parameters = '{}', subject = NULL, body_text = NULL, body_html = NULL, cleared_at = %(now)s
  FROM old WHERE n.id = old.id
