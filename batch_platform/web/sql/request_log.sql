-- The log of requests.

-- name: write_requests
COPY web.requests (at, method, route, status, duration_ms, principal) FROM STDIN
