"""The outbox: attachments as references, what a domain vetoes at the last moment, and a cap that knows no case."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "outbox_0003"
down_revision = "staffing_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column of attachments, the function that asks the domains, and the index of the cap."""
    execute_file_beside(__file__)
