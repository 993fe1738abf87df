"""What must hold of what the daily jobs have written, judged on one moment of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from batch_platform.staffing import ids
from batch_platform.staffing.service.context import StaffingContext

GAPS: Final = "days_complete"

STATUSES: Final = {
    "counts_add_up": "the changes up to the day come to the engineers by status that were counted as known",
    GAPS: "from the first written day to this one no day is missing",
}
USAGE: Final = {
    "every_company_once": "each company that existed on the day has its row, and no other has one",
    "counts_add_up": "sums over companies are the numbers of facts, and calls by feature those of the company",
    GAPS: "from the first aggregated day to this one no day is missing",
}


@dataclass(frozen=True)
class Invariant:
    """One that was looked at: what is wrong, a sentence each; none: it holds."""

    name: str
    differences: Sequence[str]

    @property
    def holds(self) -> bool:
        return not self.differences


def of_statuses(context: StaffingContext, day: date) -> list[Invariant]:
    """Those of `STATUSES`."""
    with context.store.snapshot() as session:
        row, standing = session.status_day(day), session.standing_counts(day)
        missing = session.missing_status_days(day)
    counted = {} if row is None else row["counts"]
    wrong = [
        f"{status}: {standing.get(status, 0)} by the changes, {counted.get(status, 0)} counted"
        for status in sorted({*standing, *counted})
        if standing.get(status) != counted.get(status)
    ]
    return [Invariant("counts_add_up", wrong), _gaps(missing)]


def of_usage(context: StaffingContext, day: date) -> list[Invariant]:
    """Those of `USAGE`."""
    with context.store.snapshot() as session:
        companies, sums = session.wrong_companies(day), session.wrong_sums(day)
        missing = session.missing_usage_days(day)
    return [
        Invariant("every_company_once", [f"{ids.shown(row['company_id'])}: {row['fault']}" for row in companies]),
        Invariant("counts_add_up", [f"{row['name']}: {row['found']}, not {row['expected']}" for row in sums]),
        _gaps(missing),
    ]


def _gaps(missing: Sequence[date]) -> Invariant:
    return Invariant(GAPS, [day.isoformat() for day in missing])
