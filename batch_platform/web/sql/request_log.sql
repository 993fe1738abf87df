-- The log of requests.

-- name: write_requests
INSERT INTO web.requests (at, method, route, status, duration_ms, principal)
SELECT r.at, r.method, r.route, r.status, r.milliseconds, r.principal
FROM jsonb_to_recordset(%(lines)s)
  AS r (at timestamptz, method text, route text, status integer, milliseconds numeric, principal text);
