"""The paper-trading competition: a look at a source finds what was refused of it."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "trading_0004"
down_revision = "web_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index by which refusals go with their look."""
    execute_file_beside(__file__)
