"""Facts from JSON Lines: whole or not at all, each once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.json_lines import bad_line, checked, objects, read_decimals
from batch_platform.core.messages import Message
from batch_platform.staffing.lines import KINDS, Fact
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session

LOAD: Final = "staffing.load"
"""What loading is called in the audit log."""


@dataclass(frozen=True)
class Loaded:
    """What a load has added, or would add, and what was there already; by kind. `warnings` name their lines."""

    added: Mapping[str, int]
    skipped: Mapping[str, int]
    warnings: Sequence[Message] = ()


def load(context: StaffingContext, lines: Iterable[bytes], *, dry_run: bool = False) -> Loaded:
    """The facts of a file. The same again adds nothing.

    Raises `InvalidInput` with the number of the first line that is none, or contradicts what is there.
    """
    facts = list(_read(lines))
    store = context.store
    with store.rolled_back() if dry_run else store.transaction() as session:
        loaded = _add(session, facts)
    warnings = [(number, fact.warning) for number, _, fact in facts]
    messages = [
        Message("bad-line", "line {line}: {reason}", line=n, reason=warning) for n, warning in warnings if warning
    ]
    return replace(loaded, warnings=messages)


def _read(lines: Iterable[bytes]) -> Iterable[tuple[int, str, Fact]]:
    for number, value in objects(lines, read=read_decimals):
        kind = value.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS:
            known = ", ".join(KINDS)
            raise bad_line(number, Message("line-kind", "must be one of {kinds}", kinds=known), field="kind")
        yield number, kind, checked(KINDS[kind], number, value)


def _add(session: Session, facts: list[tuple[int, str, Fact]]) -> Loaded:
    import polars as pl

    rows = [(number, kind, fact.row()) for number, kind, fact in facts]
    frame = pl.DataFrame(
        {
            "number": [number for number, _, _ in rows],
            "kind": [kind for _, kind, _ in rows],
            "digest": [_digest(row) for _, _, row in rows],
            "row": [json.dumps(row, ensure_ascii=False) for _, _, row in rows],
        },
        schema={"number": pl.Int64, "kind": pl.String, "digest": pl.String, "row": pl.String},
    )
    session.stage_lines(frame)
    counts: Mapping[str, int] = dict(frame["kind"].value_counts().iter_rows())
    columns = {kind: tuple(row) for _, kind, row in rows}
    added, contradictions = {}, []
    for kind in (kind for kind in KINDS if kind in counts):
        model = KINDS[kind]
        added[kind] = session.add_facts(kind, model.table, model.identity, columns[kind])
        number = session.contradiction(kind, model.table, model.identity)
        if number is not None:
            contradictions.append(number)
    if contradictions:
        raise _contradicts(min(contradictions))
    return Loaded(added, {kind: counts[kind] - added[kind] for kind in added})


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _contradicts(number: int) -> InvalidInput:
    return bad_line(number, Message("line-contradicts-rows", "says something else than what is there"))
