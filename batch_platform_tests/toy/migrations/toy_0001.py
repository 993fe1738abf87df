"""Toys."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "toy_0001"
down_revision = "HEAD"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema toy."""
    execute_file_beside(__file__)
