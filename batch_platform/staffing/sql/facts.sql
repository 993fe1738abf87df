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

-- name: contract_start
SELECT c.starts_on FROM contracts AS c WHERE c.contract_id = %(contract_id)s;
