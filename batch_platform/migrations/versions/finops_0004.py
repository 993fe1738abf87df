"""AWS cost and usage: what is published belongs to a connection; an archive of what was withdrawn or removed."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0004"
down_revision = "finops_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say of each delivery and month which place it is of."""
    execute_file_beside(__file__)
