"""Runs as users see them: started from the command line, visible in Dagster like any other."""
