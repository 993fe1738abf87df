"""What must come out of releases, computed a second time, row by row.

Imports nothing of what it checks, and shares no rule with it but the words of the specification.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

Values = tuple[str, str, str, str]
"""Name, kana, hiragana and letters of a bank or branch."""

Master = dict[str, Values]
"""Rows by key: `0001` is a bank, `0001-002` a branch of it."""

NAMES: Final = ("name", "kana", "hira", "roma")


@dataclass(frozen=True, order=True)
class Change:
    """One row of a release that is another than the master's; None for a row that is not there."""

    key: str
    before: Values | None
    after: Values | None

    @property
    def operation(self) -> str:
        if self.before is None:
            return "addition"
        return "deletion" if self.after is None else "update"


@dataclass(frozen=True)
class Written:
    """A row of the history of changes."""

    day: date
    change: Change


@dataclass(frozen=True)
class Stood:
    """Which values stood from a business date up to another, which is left out; None while they stand."""

    key: str
    values: Values
    since: date
    until: date | None


@dataclass(frozen=True)
class End:
    """What a changeset must have come to: of its rows, those written and those left out for a conflict."""

    status: str
    completed: int
    failed: int


def changes(before: Mapping[str, Values], after: Mapping[str, Values]) -> list[Change]:
    """What makes one master of the other, sorted by key."""
    keys = sorted({*before, *after})
    return [Change(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


@dataclass
class Books:
    """The master and its histories: kept by hand while the real ones are worked on."""

    master: Master = field(default_factory=dict)
    history: list[Written] = field(default_factory=list)
    conflicts: set[str] = field(default_factory=set)
    standing: list[Stood] = field(default_factory=list)

    def apply(self, day: date, proposed: Collection[Change]) -> End:
        """Write what still holds: the row must be as it was when the change was proposed."""
        held = [change for change in proposed if self.master.get(change.key) == change.before]
        for change in held:
            self.edit(day, change.key, change.after)
            self.history.append(Written(day, change))
        left = {change.key for change in proposed} - {change.key for change in held}
        self.conflicts |= left
        return End("partially_applied" if left else "applied", len(held), len(left))

    def edit(self, day: date, key: str, values: Values | None) -> None:
        """A row as it is from a business date on, whoever has written it."""
        open_row = next((row for row in self.standing if row.key == key and row.until is None), None)
        if open_row is not None:
            self.standing.remove(open_row)
            if open_row.since < day:
                self.standing.append(Stood(key, open_row.values, open_row.since, day))
        if values is None:
            del self.master[key]
            return
        self.master[key] = values
        self.standing.append(Stood(key, values, day, None))
