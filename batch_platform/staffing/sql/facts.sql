-- Facts from JSON Lines.

-- name: make_loading
CREATE TEMPORARY TABLE loading (
    number  integer NOT NULL,
    kind    text NOT NULL,
    digest  text NOT NULL,
    row     jsonb NOT NULL
) ON COMMIT DROP;

-- name: analyze_loading
ANALYZE loading;
