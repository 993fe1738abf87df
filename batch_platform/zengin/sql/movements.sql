-- What was applied to the master. Rows as operations/movements.py has them.

-- name: moved
SELECT (executed_at AT TIME ZONE 'Asia/Tokyo')::date AS day, NULL::numeric AS amount, count(*) AS things
FROM zengin.change_history
WHERE executed_at >= %(since)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
GROUP BY day
