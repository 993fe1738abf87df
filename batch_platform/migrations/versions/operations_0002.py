"""Operations: incidents that are notices, and a severity for what needs nobody."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0002"
down_revision = "zengin_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let incidents be notices."""
    execute_file_beside(__file__)
