"""Pauses of everything that starts by itself."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0009"
down_revision = "operations_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables."""
    execute_file_beside(__file__)
