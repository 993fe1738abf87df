"""What Dagster sees of zengin."""
