"""What weekly maintenance and the weekly performance analysis have done and found."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "staffing_0005"
down_revision = "staffing_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make their tables."""
    execute_file_beside(__file__)
