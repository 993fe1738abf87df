"""API tokens that are listed, revoked and seen in use."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0009"
down_revision = "btc_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their table."""
    execute_file_beside(__file__)
