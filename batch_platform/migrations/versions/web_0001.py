"""Accounts, sessions, failed logins, audit log, idempotency keys."""

from __future__ import annotations

from batch_platform.migrations.script import execute_file_beside

revision = "web_0001"
down_revision = "finops_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema web."""
    execute_file_beside(__file__)
