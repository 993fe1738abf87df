"""API and console of toy."""
