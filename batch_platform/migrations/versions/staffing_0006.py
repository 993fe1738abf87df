"""Staffing: the reports of months."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0006"
down_revision = "staffing_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Versions of reports, each with its PDF or the reason why there is none."""
    execute_file_beside(__file__)
