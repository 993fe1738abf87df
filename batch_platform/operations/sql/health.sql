-- What the platform is made of, and when each part last gave a sign of life.

-- name: register_components
INSERT INTO operations.components (name, kind, registered_at)
SELECT name, kind, %(now)s FROM unnest(%(names)s::text[], %(kinds)s::text[]) AS declared (name, kind)
ON CONFLICT (name) DO NOTHING

-- name: forget_components
DELETE FROM operations.components WHERE name <> ALL(%(names)s)

-- name: save_signs
-- A part that was silent and is back: since when, and until when, for what could tell of it only afterwards.
UPDATE operations.components c
SET alive_at = CASE WHEN s.error IS NULL THEN %(now)s ELSE c.alive_at END,
    error = s.error,
    error_message = s.message::jsonb,
    silent_from = CASE WHEN back THEN c.alive_at ELSE c.silent_from END,
    silent_until = CASE WHEN back THEN %(now)s ELSE c.silent_until END
FROM unnest(%(names)s::text[], %(errors)s::text[], %(messages)s::text[]) AS s (name, error, message)
CROSS JOIN LATERAL (SELECT s.error IS NULL AND k.alive_at < %(now)s - %(patience)s::interval AS back
                    FROM operations.components k WHERE k.name = s.name) was
WHERE c.name = s.name

-- name: components
SELECT name, kind, alive_at, registered_at, error, error_message FROM operations.components ORDER BY kind, name
