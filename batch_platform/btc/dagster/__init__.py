"""What Dagster sees of btc."""
