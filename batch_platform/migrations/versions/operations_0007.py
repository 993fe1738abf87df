"""Backfills: runs of one job over a range of days, asked for a few at a time."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0007"
down_revision = "web_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    execute_file_beside(__file__)
