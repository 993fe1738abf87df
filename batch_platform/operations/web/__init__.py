"""API and console of operations."""
