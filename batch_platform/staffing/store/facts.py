"""Facts from lines: many at once, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql

from batch_platform.staffing.store.statements import StaffingStatements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import polars

# tables and columns are those of `lines`, never what a line says
_ADD: Final = sql.SQL("""
INSERT INTO {table} ({columns}, line_digest)
SELECT DISTINCT ON ({identity}) {values}, decode(l.digest, 'hex')
FROM loading AS l, jsonb_populate_record(NULL::{table}, l.row) AS r
WHERE l.kind = %(kind)s
ORDER BY {identity}, l.number
ON CONFLICT DO NOTHING""")
_ADD_USAGE_DAYS: Final = sql.SQL("""
INSERT INTO {table} AS t ({columns}, line_digest)
SELECT DISTINCT ON ({identity}) {values}, decode(l.digest, 'hex')
FROM loading AS l, jsonb_populate_record(NULL::{table}, l.row) AS r
WHERE l.kind = %(kind)s
ORDER BY {identity}, l.number
ON CONFLICT (company_id, date) DO UPDATE
SET source = 'loaded', total_users = excluded.total_users, total_engineers = excluded.total_engineers,
    line_digest = excluded.line_digest
WHERE t.source = 'aggregated'""")
_CONTRADICTION: Final = sql.SQL("""
SELECT min(l.number)
FROM loading AS l, jsonb_populate_record(NULL::{table}, l.row) AS r, {table} AS t
WHERE l.kind = %(kind)s AND {matches} AND t.line_digest IS DISTINCT FROM decode(l.digest, 'hex')""")


class Facts(StaffingStatements):
    """A load holds its lines in a temporary table, from which they go into theirs by one statement a kind."""

    def stage_lines(self, lines: polars.DataFrame) -> None:
        """`number`, `kind`, `digest` (hex) and `row` (JSON) of each line."""
        self._run("make_loading")
        self._copy(sql.Identifier("loading"), lines)
        self._run("analyze_loading")

    def add_facts(self, kind: str, table: str, identity: Sequence[str], columns: Sequence[str]) -> int:
        """Rows of a kind that are not there yet; how many. An aggregated usage day gives way to one from a line."""
        statement = _ADD_USAGE_DAYS if table == "usage_days" else _ADD
        return self.connection.execute(
            statement.format(
                table=sql.Identifier(table),
                identity=_list("r", identity),
                columns=_list(None, columns),
                values=_list("r", columns),
            ),
            {"kind": kind},
        ).rowcount

    def contradiction(self, kind: str, table: str, identity: Sequence[str]) -> int | None:
        """The number of the first line that says another thing than the row of its identity."""
        matches = sql.SQL(" AND ").join(sql.SQL("t.{0} = r.{0}").format(sql.Identifier(name)) for name in identity)
        statement = _CONTRADICTION.format(table=sql.Identifier(table), matches=matches)
        [[number]] = self.connection.execute(statement, {"kind": kind}).fetchall()
        return None if number is None else int(number)

    def contract_start(self, contract_id: str) -> date | None:
        """The first day of a contract, if it is there."""
        rows = self._rows("contract_start", contract_id=contract_id)
        return rows[0]["starts_on"] if rows else None


def _list(of: str | None, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*((of, name) if of else (name,))) for name in names)
