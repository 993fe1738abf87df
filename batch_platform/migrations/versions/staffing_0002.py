"""Staffing: backups by night, and what their proofs found."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0002"
down_revision = "trading_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Backups and their proofs."""
    execute_file_beside(__file__)
