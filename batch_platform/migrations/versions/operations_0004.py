"""A job may have several schedules, each in its own time zone."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0004"
down_revision = "web_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Schedules and sensors get a table of their own."""
    execute_file_beside(__file__)
