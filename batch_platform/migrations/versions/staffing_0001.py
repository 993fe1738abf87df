"""Staffing: the SaaS's tables as far as the jobs read them, statuses, and usage."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0001"
down_revision = "outbox_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Facts of the SaaS; the status of engineers by day; what companies used."""
    execute_file_beside(__file__)
