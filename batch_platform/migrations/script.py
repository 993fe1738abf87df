"""What a version does: execute the SQL file of its name."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def execute_file_beside(version: str) -> None:
    """Execute every statement of the `.sql` file beside a version's module (its `__file__`).

    The driver is used directly: SQLAlchemy would take `:name` and `%` in literals for parameters.
    """
    statements = Path(version).with_suffix(".sql").read_bytes()
    op.get_bind().connection.cursor().execute(statements)
