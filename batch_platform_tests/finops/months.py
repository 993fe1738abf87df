"""Months delivered, published and looked at in their tables."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from batch_platform.core import postgres
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project


def deliver(project: Project, *costs: str, assembly: str = "first", month: date = MONTH, **more: str) -> list[str]:
    """One file a cost."""
    files = [csv_gz([project.line("Usage", cost, more, month=month)]) for cost in costs]
    return project.bucket.deliver(month, files, assembly=assembly)


def stored(project: Project, pool: postgres.Pool, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table as they lie on disk: with the transaction that wrote them and their place."""
    query = f"SELECT xmin::text, ctid::text, t::text FROM finops.{table} t WHERE project_id = %s ORDER BY ctid"
    with postgres.transaction(pool) as connection:
        return connection.execute(query.encode(), [project.id]).fetchall()


def costs(project: Project, month: date = MONTH) -> pl.DataFrame:
    with project.context.store.transaction() as session:
        return session.costs(project.id, month, month)
