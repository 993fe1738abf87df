"""AWS cost and usage: connections, deliveries, cost tables."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema finops."""
    execute_file_beside(__file__)
