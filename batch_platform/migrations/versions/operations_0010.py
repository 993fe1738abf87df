"""The parts of the platform and their signs of life."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0010"
down_revision = "operations_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table."""
    execute_file_beside(__file__)
