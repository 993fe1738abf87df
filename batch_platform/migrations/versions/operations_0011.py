"""Why a run failed and what an incident says, as messages: shown in the reader's language."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0011"
down_revision = "web_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns beside the sentences, and the view of backfills with them."""
    execute_file_beside(__file__)
