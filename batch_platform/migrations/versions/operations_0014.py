"""Why a look of a schedule or sensor failed, and what the monitor says of a dead letter, as messages."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0014"
down_revision = "finops_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns beside the sentences."""
    execute_file_beside(__file__)
