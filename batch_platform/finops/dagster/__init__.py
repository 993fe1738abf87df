"""What Dagster sees of finops."""
