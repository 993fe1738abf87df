"""Bank master: names are folded further for search; who proposed an undoing is known."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "zengin_0002"
down_revision = "finops_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fold the texts for search that are there, and name the proposers of undoings."""
    execute_file_beside(__file__)
