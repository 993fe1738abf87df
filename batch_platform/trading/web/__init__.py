"""API and console of trading."""
