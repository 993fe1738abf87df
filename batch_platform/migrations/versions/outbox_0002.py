"""The outbox: notices are found by the id that their provider knows them by."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "outbox_0002"
down_revision = "trading_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index for the events of providers."""
    execute_file_beside(__file__)
