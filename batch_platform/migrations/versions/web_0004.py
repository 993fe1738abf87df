"""A log of requests: which route answered what, and how fast."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0004"
down_revision = "staffing_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make its table."""
    execute_file_beside(__file__)
