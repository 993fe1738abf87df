"""An intent has a key, by which a second try meets it, and learns its target and what came of it."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0003"
down_revision = "web_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give intents a key."""
    execute_file_beside(__file__)
