"""AWS cost and usage: budgets, and a revision that names a month's costs."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0002"
down_revision = "operations_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the budgets."""
    execute_file_beside(__file__)
