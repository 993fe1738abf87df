"""Cost files: why one could not be read, as a message that is said in the reader's language."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "finops_0006"
down_revision = "btc_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column beside the English sentence."""
    execute_file_beside(__file__)
