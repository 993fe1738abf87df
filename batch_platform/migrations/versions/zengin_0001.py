"""The bank master, its history, and the review of its changes."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "zengin_0001"
down_revision = "finops_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema zengin."""
    execute_file_beside(__file__)
