-- The log of requests, of which response times and error rates are counted. It holds no path, address or name.

CREATE TABLE web.requests (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    method       text NOT NULL,
    route        text NOT NULL,
    status       integer NOT NULL,
    duration_ms  numeric NOT NULL CHECK (duration_ms >= 0),
    principal    text NOT NULL
);
CREATE INDEX requests_by_time ON web.requests (at);
COMMENT ON TABLE web.requests IS 'Requests that were answered; written some seconds later, kept for 90 days.';
COMMENT ON COLUMN web.requests.route IS 'The template of the route, name/* of a mounted app, unknown where none took it.';
COMMENT ON COLUMN web.requests.duration_ms IS 'Milliseconds until the answer began.';
COMMENT ON COLUMN web.requests.principal IS 'The kind of caller: local, oidc, token, a kind of guests, or anonymous.';
