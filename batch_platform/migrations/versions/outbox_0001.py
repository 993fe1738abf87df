"""The outbox: notices by mail, in the app and by SMS, whom not to write to, who has consented."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "outbox_0001"
down_revision = "trading_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema outbox, with the function by which domains hand notices over."""
    execute_file_beside(__file__)
