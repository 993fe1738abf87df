-- What the console's overview says of staffing as it stands now.

-- name: overview
SELECT (SELECT max(d.day) FROM status_days AS d) AS status_day,
       (SELECT max(d.written_at) FROM status_days AS d) AS status_at,
       (SELECT max(s.date) FROM system_stats AS s) AS usage_day,
       (SELECT max(s.aggregated_at) FROM system_stats AS s) AS usage_at,
       (SELECT max(b.night) FROM backups AS b WHERE b.state = 'verified') AS verified_night,
       (SELECT max(b.verified_at) FROM backups AS b WHERE b.state = 'verified') AS verified_at,
       (SELECT max(i.month) FROM invoices AS i WHERE i.kind = 'invoice') AS invoice_month,
       (SELECT max(i.updated_at) FROM invoices AS i WHERE i.kind = 'invoice') AS invoice_at,
       (SELECT count(*) FROM invoices AS i WHERE i.state = 'waiting_for_usage') AS waiting_invoices,
       (SELECT count(*) FROM invoices AS i WHERE i.state = 'failed') AS failed_invoices,
       (SELECT count(*) FROM invoices AS i WHERE i.state = 'draft') AS draft_invoices,
       (SELECT count(*) FROM account_findings) AS account_findings,
       (SELECT count(*) FROM approach_occurrences AS o WHERE o.state = 'failed') AS failed_occurrences;
