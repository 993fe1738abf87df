"""Where operations meets Dagster: starting runs, and reading what became of them."""
