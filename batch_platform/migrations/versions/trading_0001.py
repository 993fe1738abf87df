"""Trading: campaigns, players, prices, orders and what follows from them."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "trading_0001"
down_revision = "zengin_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables, views and exact helper functions of schema trading."""
    execute_file_beside(__file__)
