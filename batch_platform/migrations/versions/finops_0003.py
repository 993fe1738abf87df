"""AWS cost and usage: when a month that no invoice tells of is final."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0003"
down_revision = "operations_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment to the months, and have closing ones looked at again."""
    execute_file_beside(__file__)
