"""AWS cost and usage: projects whose reports cannot be read."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0005"
down_revision = "operations_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table."""
    execute_file_beside(__file__)
