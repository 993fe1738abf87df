"""Trading: how players sign in, and how often somebody may ask."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "trading_0002"
down_revision = "outbox_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nonces, players' tokens and request rates."""
    execute_file_beside(__file__)
