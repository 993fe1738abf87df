"""What Dagster sees of staffing."""
