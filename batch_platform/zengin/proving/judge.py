"""The oracle's books against what is there: the master, its histories, each record, what changesets say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from batch_platform.zengin.proving.ground import Ground
from batch_platform.zengin.proving.oracle import Books, End

NAMED: Final = 8
"""So many differences are told of each kind."""


def differences(ground: Ground, books: Books, ends: Iterable[End]) -> list[str]:
    """Everything that is otherwise than the oracle says; empty when all is equal.

    `ends` are what the changesets have come to, in the order in which they were proposed.
    """
    there, expected = ground.master(), books.master
    wrong = [
        f"{key} of the master: {there.get(key)}, not {expected.get(key)}"
        for key in sorted({*there, *expected})
        if there.get(key) != expected.get(key)
    ][:NAMED]
    wrong += _otherwise("history of changes", ground.history(), books.history)
    wrong += _otherwise("history of validity", ground.standing(), books.standing)
    wrong += _otherwise("conflicts", ground.conflicts(), books.conflicts)
    return [*wrong, *_changesets(ground, list(ends)), *_records(ground, list(ends))]


def _otherwise(what: str, there: Iterable[Any], expected: Iterable[Any]) -> list[str]:
    have, need = Counter(there), Counter(expected)
    missing = [f"missing in the {what}: {row}" for row in (need - have).elements()]
    extra = [f"not to be in the {what}: {row}" for row in (have - need).elements()]
    return [*missing[:NAMED], *extra[:NAMED]]


def _changesets(ground: Ground, ends: list[End]) -> list[str]:
    return _otherwise("changesets", ground.changesets().values(), [end.status for end in ends])


def _records(ground: Ground, ends: list[End]) -> list[str]:
    """Each record ended once, its mirror as it is, its audit without a gap."""
    records = ground.records()
    wrong = [
        f"record {record.id} is {record.status}, version {record.version}, but mirrored as {record.mirrored}"
        for record in records
        if record.mirrored != (record.status, record.version)
    ]
    wrong += [
        f"record {record.id} has version {record.version}, but its audit tells of {list(record.audited)}"
        for record in records
        if list(record.audited) != list(range(1, record.version + 1))
    ]
    statuses: Mapping[str, int] = Counter(record.status for record in records)
    # the first release fills the empty master: its rows are one record
    expected = {
        "completed": 1 + sum(end.completed for end in ends[1:]),
        "failed": sum(end.failed for end in ends[1:]),
    }
    there = {status: count for status, count in statuses.items() if count}
    if there != {status: count for status, count in expected.items() if count}:
        wrong.append(f"records: {dict(there)}, not {expected}")
    return wrong[:NAMED]
