"""API and console of finops."""
