"""Bank master: reasons are kept with their messages."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "zengin_0003"
down_revision = "operations_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for the message beside each reason; those that are there have none."""
    execute_file_beside(__file__)
