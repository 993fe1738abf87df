CREATE INDEX invoices_to_approve ON staffing.invoices (month) WHERE state = 'draft' AND approved_by IS NULL;
