"""Second factors of accounts, their recovery codes, and which sessions have shown one."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0008"
down_revision = "operations_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    execute_file_beside(__file__)
