"""Sessions of an OIDC provider are confirmed by it, and end where it says so."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0007"
down_revision = "operations_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make its tables; who signed in by a provider before signs in again."""
    execute_file_beside(__file__)
