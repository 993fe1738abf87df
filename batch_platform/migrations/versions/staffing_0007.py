"""Staffing: the drafts that wait for people are found without a look at every invoice."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0007"
down_revision = "operations_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index of the few invoices that nobody has agreed to yet."""
    execute_file_beside(__file__)
