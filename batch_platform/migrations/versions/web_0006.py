"""Passwords that somebody else has set are temporary; people find their own sessions."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0006"
down_revision = "web_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark temporary passwords and index sessions by their subject."""
    execute_file_beside(__file__)
