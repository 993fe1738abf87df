"""API and console of the outbox, and the page at which advertising is declined."""
