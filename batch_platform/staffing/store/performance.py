"""Weeks of performance: what requests came to, and the database's counters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from batch_platform.staffing.instants import at_time
from batch_platform.staffing.store.statements import Row, StaffingStatements
from batch_platform.staffing.weeks import WEEK


class Performance(StaffingStatements):
    """A row a week, and one for each subject of requests in it."""

    def database_counters(self, *, statements: int) -> Row:
        """As they stand now; so many of the slowest statements, None where the server does not count them."""
        [row] = self._rows("database_counters")
        return {**row, "statements": self._slowest_statements(statements)}

    def _slowest_statements(self, limit: int) -> list[Row] | None:
        schemas = self._rows("statements_schema")
        if not schemas:
            return None
        query = self._sql["slowest_statements"].format(schema=sql.Identifier(schemas[0]["nspname"]))
        rows = self.connection.execute(query, {"limit": limit}).fetchall()
        return [{"query": text, "calls": calls, "milliseconds": spent} for text, calls, spent in rows]

    def write_week(self, week: date, now: datetime, database: Mapping[str, Any] | None) -> int:
        """What its requests come to, in place of what was written before; how many subjects they have.

        Counters of the database that were kept before stay.
        """
        self._run("begin_week", week=week, now=now, database=None if database is None else Jsonb(database))
        self._run("clear_figures", week=week)
        return self._run("write_figures", week=week, begin=at_time(week), end=at_time(week + WEEK))

    def end_week(self, week: date, *, key: str | None, sha256: str | None) -> None:
        """Where its report lies."""
        self._run("end_week", week=week, key=key, sha256=sha256)

    def figures(self, week: date, kind: str | None = None) -> list[Row]:
        """With those of the week before, by kind, the most used first."""
        return self._rows("figures", week=week, kind=kind)

    def weeks(self, week: date | None = None) -> list[Row]:
        """The newest first, or one."""
        return self._rows("weeks", week=week)

    def first_request(self) -> datetime | None:
        """The oldest request that is kept."""
        first: datetime | None = self._value("first_request")
        return first

    def missing_weeks(self, first: date, last: date) -> list[date]:
        """Weeks without a report, the oldest first; both are Mondays."""
        return [row["week"] for row in self._rows("missing_weeks", first=first, last=last)]
