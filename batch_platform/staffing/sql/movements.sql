-- What was billed. Rows as operations/movements.py has them.

-- name: moved
SELECT (issued_at AT TIME ZONE 'Asia/Tokyo')::date AS day, sum(total) AS amount, count(*) AS things
FROM staffing.invoices
WHERE kind = 'invoice' AND state = 'issued' AND issued_at >= %(since)s::date::timestamp AT TIME ZONE 'Asia/Tokyo'
GROUP BY day
