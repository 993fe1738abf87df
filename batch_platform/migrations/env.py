"""Run by alembic: applies the versions on the connection, and in the transaction, of `upgrade`."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table_schema="public")
context.run_migrations()
