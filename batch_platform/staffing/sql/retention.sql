-- Rows whose time is over, by the name of their class: `before` lies its age before now.

-- name: past_requests
SELECT t.ctid FROM web.requests AS t WHERE t.at < %(before)s

-- name: past_sessions
SELECT t.ctid FROM web.sessions AS t WHERE t.expires_at <= %(before)s

-- name: past_idempotency_keys
SELECT t.ctid FROM web.idempotency_keys AS t WHERE t.expires_at <= %(before)s AND t.lease_expires_at <= %(before)s

-- name: past_failed_logins
SELECT t.ctid FROM web.login_attempts AS t WHERE t.failed_at < %(before)s

-- name: past_heartbeats
SELECT t.ctid FROM staffing.heartbeats AS t
WHERE t.minute < %(before)s
  AND EXISTS (SELECT FROM staffing.system_stats AS s WHERE s.date = staffing.business_day(t.minute))

-- name: past_api_requests
SELECT t.ctid FROM staffing.api_requests AS t
WHERE t.at < %(before)s
  AND EXISTS (SELECT FROM staffing.system_stats AS s WHERE s.date = staffing.business_day(t.at))

-- name: past_logins
-- the newest says since when somebody is away
SELECT t.ctid FROM staffing.logins AS t
WHERE t.at < %(before)s
  AND EXISTS (SELECT FROM staffing.system_stats AS s WHERE s.date = staffing.business_day(t.at))
  AND EXISTS (SELECT FROM staffing.logins AS n WHERE n.user_id = t.user_id AND n.at > t.at)

-- name: past_maintenance
SELECT t.ctid FROM staffing.maintenance_findings AS t
WHERE t.partition < staffing.business_day(%(before)s)
