"""API and console of btc."""
