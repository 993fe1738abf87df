"""Staffing: occurrences of periodic approaches, and what is looked at again before one is sent."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0004"
down_revision = "trading_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A row an occurrence; which approach and occurrence an approach came from; the veto of exclusions."""
    execute_file_beside(__file__)
