"""Who has seen a dead letter or an incident, who takes care of it, and what was said of it."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0012"
down_revision = "staffing_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables."""
    execute_file_beside(__file__)
