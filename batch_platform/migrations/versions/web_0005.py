"""Failed sign-ins are counted by account and place, and the places people have signed in from are known."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0005"
down_revision = "staffing_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the attempts' table anew (they are forgotten after a day) and that of known places."""
    execute_file_beside(__file__)
