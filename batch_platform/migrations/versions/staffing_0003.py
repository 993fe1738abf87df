"""Invoices and credit notes: numbers without gaps, frozen once they are issued, with their history and approvals."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0003"
down_revision = "staffing_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number counters, invoices, their events, and approvals by people."""
    execute_file_beside(__file__)
