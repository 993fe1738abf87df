"""What every API route shares: problems, strict input, paging, envelopes, idempotency."""
