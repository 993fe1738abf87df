-- What batches have booked. Rows as operations/movements.py has them.

-- name: moved
SELECT (completed_at AT TIME ZONE 'Asia/Tokyo')::date AS day, sum(abs(sum)) AS amount, count(*) AS things
FROM btc.batches
WHERE status IN ('completed', 'completed_with_failures')
  AND completed_at >= %(since)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
GROUP BY day
