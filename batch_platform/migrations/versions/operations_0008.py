"""Since when schedules and sensors are off, and how long they may be."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0008"
down_revision = "web_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns."""
    execute_file_beside(__file__)
