"""The application's tables: plain SQL files that alembic applies in order, once each.

A version is a pair of files in `versions/`: `finops_0001.py` names it and its predecessor, `finops_0001.sql`
holds the statements. Versions only go forward; a mistake is mended by the next one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

_LOCK = 7_089_336_938_131_513_972
"""The advisory lock of all processes that migrate this database; any number that nothing else uses."""


def upgrade(database_url: str) -> None:
    """Bring the database to the newest version; one that has it already is left untouched.

    Safe to call from several processes at once: one migrates while the others wait. Everything happens in one
    transaction, so a killed process leaves the database as it was. Raises `TransientFailure` when the server
    does not answer and `PermanentFailure` when it refuses the login.
    """
    from alembic import command

    with engine(database_url).begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def pending(database_url: str) -> list[str]:
    """The versions `upgrade` would apply, oldest first. Fails as `upgrade` does; writes nothing."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with engine(database_url).connect() as connection:
        applied = MigrationContext.configure(connection).get_current_heads()
    missing = ScriptDirectory.from_config(_config()).iterate_revisions("heads", applied or "base")
    return [script.revision for script in missing if script.revision not in applied][::-1]


def engine(database_url: str) -> Engine:
    """SQLAlchemy's engine for a migration: it fails as `core.postgres.connect` does."""
    from sqlalchemy import NullPool, create_engine

    from batch_platform.core.postgres import connect

    # the connection is ours: SQLAlchemy never sees a URL with a password, nor reads one in its own way
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(database_url, application_name="batch-platform-migrations"),
        poolclass=NullPool,
    )


def _config() -> Config:
    from alembic.config import Config

    from batch_platform.migrations import versions

    config = Config()
    config.set_main_option("script_location", "batch_platform:migrations")
    config.set_main_option("version_locations", os.pathsep.join(versions.__path__))
    config.set_main_option("path_separator", "os")
    return config
