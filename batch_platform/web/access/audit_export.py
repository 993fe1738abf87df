"""The audit log as a file of CSV or JSON, in parts, however long it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from batch_platform.core.audit import EXPORT, AuditEntry, AuditStore, Log
from batch_platform.web.access.audit_sentences import outcome, sentence

Format = Literal["csv", "json"]
MEDIA: Final[Mapping[str, str]] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS: Final = (
    *("id", "at", "who", "what", "sentence", "target", "result", "outcome", "settledAt", "before", "after"),
    "correlationId",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def exported(log: Log, kind: Format, sentences: Mapping[str, str], filters: Mapping[str, Any]) -> Iterator[str]:
    """The file in parts. Its own row in the log, which says how many there were, is not among them."""
    given = {name: str(value) for name, value in filters.items() if value is not None}
    store, count = AuditStore(log.pool), 0
    newest = next((row.id for row in store.rows(limit=1)), 0)
    with log.intent(EXPORT, kind, given) as intent:

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal count
            for row in store.every(before_id=newest + 1, **filters):
                count += 1
                yield record(row, sentences)

        yield from (_csv if kind == "csv" else _json)(counted())
        intent.after = {"rows": count}


def record(row: AuditEntry, sentences: Mapping[str, str]) -> dict[str, Any]:
    """A row as it is written, by `COLUMNS`."""
    return {
        "id": row.id,
        "at": row.at.isoformat(),
        "who": row.who,
        "what": row.what,
        "sentence": sentence(row, sentences),
        "target": row.target,
        "result": outcome(row),
        "outcome": row.outcome,
        "settledAt": row.settled_at and row.settled_at.isoformat(),
        "before": row.before,
        "after": row.after,
        "correlationId": row.correlation_id,
    }


def _json(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    between = "["
    for row in records:
        yield between + _text(row)
        between = ",\n"
    yield "]\n" if between != "[" else "[]\n"


def _csv(records: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield _line(COLUMNS)
    for row in records:
        before, after = (None if row[side] is None else _text(row[side]) for side in ("before", "after"))
        yield _line(map(_cell, {**row, "before": before, "after": after}.values()))


def _line(cells: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
