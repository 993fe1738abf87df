"""Operations: a job whose calendar cannot be read says so."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "operations_0003"
down_revision = "btc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note the fault of a calendar on its job."""
    execute_file_beside(__file__)
