"""The paper-trading competition: what a stake has earned, which is no less than its loss."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "trading_0003"
down_revision = "outbox_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the function that statements and rules agree on."""
    execute_file_beside(__file__)
