"""BTC batches as people are to be told of them."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "btc_0001"
down_revision = "operations_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema btc."""
    execute_file_beside(__file__)
