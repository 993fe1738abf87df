"""The audit log notes what became of an intent."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0002"
down_revision = "zengin_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give the rows an outcome, which is written once."""
    execute_file_beside(__file__)
