"""Operations: jobs and their due moments, the ledger of runs, dead letters, incidents and their notifications."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0001"
down_revision = "web_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema operations."""
    execute_file_beside(__file__)
