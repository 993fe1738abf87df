"""What the console shows of the bank master: words of states and classes, values that changed by letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final

import polars as pl

from batch_platform.web.console import Words
from batch_platform.web.i18n import N_, ngettext
from batch_platform.web.i18n import gettext as _
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.model import (
    BANK_SCHEMA,
    BRANCH_SCHEMA,
    ChangeClass,
    Changeset,
    Record,
    Risk,
    Table,
    Verdict,
)

STATUSES: Final[Words] = {
    "pending": (N_("Waiting for approval"), "warning"),
    "approved": (N_("Approved"), "busy"),
    "rejected": (N_("Rejected"), "neutral"),
    "expired": (N_("Lapsed"), "neutral"),
    "executing": (N_("Being applied"), "busy"),
    "completed": (N_("Applied"), "good"),
    "failed": (N_("Application failed"), "bad"),
}
CHANGESET_STATUSES: Final[Words] = {
    "held": (N_("Held"), "bad"),
    "pending": (N_("Waiting for approval"), "warning"),
    "approved": (N_("Approved"), "busy"),
    "partially_applied": (N_("Partly applied"), "warning"),
    "applied": (N_("Applied"), "good"),
    "rejected": (N_("Rejected"), "neutral"),
    "superseded": (N_("Replaced by a newer one"), "neutral"),
    "expired": (N_("Lapsed"), "neutral"),
    "reversed": (N_("Reversed"), "neutral"),
}
VERDICTS: Final[Words] = {
    "accepted": (N_("Within the limits"), "good"),
    "held": (N_("Held"), "bad"),
    "noop": (N_("No change"), "neutral"),
    "overridden": (N_("Hold overridden"), "warning"),
    "bootstrap": (N_("First load"), "neutral"),
    "inverse": (N_("Reversal"), "neutral"),
}
"""By `verdict`: what was accepted without being within the limits says why."""
RISKS: Final[Words] = {
    "high": (N_("High risk"), "bad"),
    "medium": (N_("Medium risk"), "warning"),
    "low": (N_("Low risk"), "good"),
}
DIFF_TYPES: Final[Words] = {
    "addition": (N_("Addition"), "good"),
    "update": (N_("Update"), "busy"),
    "deletion": (N_("Deletion"), "bad"),
    "bulk_update": (N_("Bulk update"), "warning"),
}
TABLES: Final[Mapping[str, str]] = {"banks": N_("Banks"), "branches": N_("Branches")}
CLASSES: Final[Mapping[str, str]] = {
    "bank_closed": N_("Bank closed"),
    "bank_new": N_("New bank"),
    "reuse": N_("Code given to another"),
    "merger": N_("Merger"),
    "moved": N_("Moved to another bank"),
    "recode": N_("Change of code"),
    "closed": N_("Branch closed"),
    "rename": N_("Rename"),
    "new": N_("New branch"),
    "kana": N_("Change of kana"),
    "orthography": N_("Spelling only"),
}
CLASS_NOTES: Final[Mapping[str, str]] = {
    "bank_closed": N_("The bank leaves the master with all its branches: transfers to it will fail."),
    "bank_new": N_("A bank that was not there before, with its branches."),
    "reuse": N_("The code now names something unrelated: money of the old one would reach the new one."),
    "merger": N_("What is merged leaves, what takes it over comes or changes; the successor is a guess."),
    "moved": N_("A branch of this name appears under another bank."),
    "recode": N_("A branch of this name appears under another code of the same bank."),
    "closed": N_("The branch leaves the master: transfers to it will fail."),
    "rename": N_("The same code, another name."),
    "new": N_("A code that was not there before."),
    "kana": N_("The reading differs: transfers are matched by it."),
    "orthography": N_("The name is spelt differently and means the same."),
}
HOLD_NOTES: Final[Mapping[str, str]] = {
    "regression": N_("It equals an older release that was accepted before: a stale file was published as new."),
    "inverse": N_("It undoes changes that were applied in the last months."),
    "brake": N_("It changes more rows than the limits allow."),
    "truncation": N_("The end of the code order is missing: the file was probably cut off."),
    "bootstrap": N_("The master is empty: the first load must be asked for explicitly."),
}
HOLD_NAMES: Final[Mapping[str, str]] = {
    "regression": N_("Return to an older release"),
    "inverse": N_("Undoing of applied changes"),
    "brake": N_("Too many changes"),
    "truncation": N_("Cut-off file"),
    "bootstrap": N_("First load not asked for"),
}
SUMMARY: Final[Mapping[str, str]] = {
    "totalRecords": N_("Rows"),
    "additions": N_("Addition"),
    "updates": N_("Update"),
    "deletions": N_("Deletion"),
}
CONFLICT_REASONS: Final[Mapping[str, str]] = {
    "changed": N_("the row was changed meanwhile"),
    "exists": N_("another row has this code"),
    "missing": N_("the row is no longer there"),
}
FIELDS: Final[Mapping[str, str]] = {
    "bank_code": N_("Bank code"),
    "bank_name": N_("Bank name"),
    "bank_kana": N_("Bank kana"),
    "bank_hira": N_("Bank hiragana"),
    "bank_roma": N_("Bank in Roman letters"),
    "branch_code": N_("Branch code"),
    "branch_name": N_("Branch name"),
    "branch_kana": N_("Branch kana"),
    "branch_hira": N_("Branch hiragana"),
    "branch_roma": N_("Branch in Roman letters"),
}

_RISK_ORDER: Final = [Risk.HIGH, Risk.MEDIUM, Risk.LOW]
_CLASS_ORDER: Final = list(ChangeClass)
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Group:
    """Records of one class and risk; `change_class` None for bulk records."""

    change_class: ChangeClass | None
    risk: Risk
    records: tuple[Record, ...]

    @property
    def key(self) -> str:
        return group_key(self.change_class, self.risk)


def group_key(change_class: str | None, risk: str) -> str:
    return f"{change_class or 'bulk'}-{risk}"


def names(record: Record) -> tuple[str, str | None]:
    """The bank, and the branch if it is one, by the newest name known; empty for bulk records."""
    row = {**(record.current_data or {}), **(record.zengin_data or {})}
    return row.get("bank_name") or row.get("bank_code") or "", (
        row.get("branch_name") if record.table is Table.BRANCHES else None
    )


def grouped(records: Iterable[Record]) -> list[Group]:
    """By class and risk, the riskiest first; within a group by key."""
    by_rank: dict[tuple[int, int], list[Record]] = {}
    for record in records:
        by_rank.setdefault(_rank(record), []).append(record)
    return [
        Group(rows[0].change_class, rows[0].risk, tuple(sorted(rows, key=lambda row: (row.key or "", row.id))))
        for _rank_of, rows in sorted(by_rank.items())
    ]


def verdict(changeset: Changeset) -> str:
    """The key of `VERDICTS`."""
    if changeset.verdict is Verdict.ACCEPTED:
        if changeset.hold_reason is not None:
            return "overridden"
        if changeset.inverse_of is not None:
            return "inverse"
        if changeset.base_content_hash == _empty_master():
            return "bootstrap"
    return changeset.verdict.value


@cache
def _empty_master() -> str:
    return content_hash(pl.DataFrame(schema=BANK_SCHEMA), pl.DataFrame(schema=BRANCH_SCHEMA))


def class_counts(changeset: Changeset) -> list[tuple[str, int]]:
    """How many rows of each class, the riskiest class first."""
    return [(name, count) for name in CLASSES if (count := changeset.counts.get(f"class.{name}", 0))]


def risk_counts(changeset: Changeset) -> list[tuple[str, int]]:
    """How many rows of each risk, the highest first."""
    return [(name, count) for name in RISKS if (count := changeset.counts.get(f"risk.{name}", 0))]


def row_text(values: Mapping[str, str | None] | None) -> str:
    """A row of the history in short: its name and kana."""
    named = [value for column, value in (values or {}).items() if value and column.endswith(("name", "kana"))]
    return " ".join(named) or "–"


def age(length: timedelta) -> str:
    """How long something waits, in whole days or, on the first day, hours."""
    if length < _HOUR:
        return _("less than an hour")
    if length >= _DAY:
        return ngettext("%(num)s day", "%(num)s days", length // _DAY)
    return ngettext("%(num)s hour", "%(num)s hours", length // _HOUR)


def _rank(record: Record) -> tuple[int, int]:
    place = _CLASS_ORDER.index(record.change_class) if record.change_class else -1
    return _RISK_ORDER.index(record.risk), place
