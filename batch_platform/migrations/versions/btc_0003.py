"""BTC batches: why one failed and how sentences call it, as messages that are said in the reader's language."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "btc_0003"
down_revision = "operations_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column beside the English sentence, and a function; open batches get theirs at the next look at DynamoDB."""
    execute_file_beside(__file__)
