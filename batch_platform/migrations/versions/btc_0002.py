"""BTC batches: who has approved one stands in its mirror, which tells who cannot be the second person."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "btc_0002"
down_revision = "web_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for the accounts that have approved a batch; open batches get theirs at the next look at DynamoDB."""
    execute_file_beside(__file__)
