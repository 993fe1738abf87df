"""API and console of staffing."""
