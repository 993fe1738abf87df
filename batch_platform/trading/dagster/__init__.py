"""What Dagster sees of trading."""
