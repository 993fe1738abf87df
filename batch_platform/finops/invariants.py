"""What must be true of a month before it is published, and what people should be told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from batch_platform.finops.model import ZERO, CheckOutcome
from batch_platform.finops.summary import MonthSummary, totals
from batch_platform.finops.validation import FileFacts

AMORTISATION: Final = "amortisation_identity"
GROUPS: Final = "groups_equal_rows"
CASTS: Final = "money_cells_readable"
EXCLUSIVE: Final = "accounts_in_one_project"
TYPES: Final = "line_item_types_known"
COLUMNS: Final = "columns_kept"
TAGS: Final = "tags_distinct"
PERIOD: Final = "usage_in_period"

BLOCKING: Final = {
    AMORTISATION: "amortised + true-up + upfront fees = unblended, per payer and currency, over the whole report",
    GROUPS: "the published groups sum to the raw rows",
    CASTS: "no money cell its row uses failed to be read",
    EXCLUSIVE: "no (payer, account, month) is in two projects",
}
WARNING: Final = {
    TYPES: "every line item type has a known charge class",
    COLUMNS: "no column of the published version has vanished",
    TAGS: "no two tags differ only by case",
    PERIOD: "no usage outside the billing period",
}


def check_month(
    summary: MonthSummary,
    files: Sequence[FileFacts],
    *,
    raw: Mapping[str, Decimal],
    amortises: bool,
    month_open: bool,
    claimed_elsewhere: Sequence[str],
    columns_before: Sequence[str],
) -> tuple[CheckOutcome, ...]:
    """Every check of one project-month.

    `raw`: unblended by currency from the line items themselves. `amortises`: whether the format carries what the
    identity needs (FOCUS does not). `month_open`: AWS still writes the month, commitments may not be spread yet.
    `claimed_elsewhere`: accounts of this month that another project published.
    """
    return (
        _identity(summary, amortises=amortises, month_open=month_open),
        _groups(summary, raw),
        _casts(files),
        _exclusive(claimed_elsewhere),
        _types(summary),
        _columns(files, columns_before),
        _tags(files),
        _period(summary),
    )


def _identity(summary: MonthSummary, *, amortises: bool, month_open: bool) -> CheckOutcome:
    if not amortises:
        return CheckOutcome(AMORTISATION, True, True, "not applicable: FOCUS carries no amortisation columns")
    broken = summary.identity.broken
    residual = f"residual {'; '.join(map(str, broken))}" if broken else ""
    reasons = []
    if summary.unamortized_rows:
        reasons.append(f"{summary.unamortized_rows} commitment rows carry no amortisation figures")
    if broken:
        unproven = summary.identity.unproven()
        if unproven is None:
            detail = f"{residual}; a warning only, for the month is still open" if month_open else residual
            return CheckOutcome(AMORTISATION, False, not month_open, detail)
        reasons.append(unproven)
    if reasons:
        detail = "; ".join((*reasons, residual)) if residual else "; ".join(reasons)
        return CheckOutcome(AMORTISATION, False, False, f"not provable, {detail}")
    return CheckOutcome(AMORTISATION, True, True, "holds for every payer and currency")


def _groups(summary: MonthSummary, raw: Mapping[str, Decimal]) -> CheckOutcome:
    grouped = {currency: sums["unblended"] for currency, sums in totals(summary.costs).items()}
    counted = int(summary.costs["usage_rows"].sum()) + summary.split_rows
    wrong = [
        f"{currency}: groups {grouped.get(currency, ZERO):f}, rows {raw.get(currency, ZERO):f}"
        for currency in sorted({*grouped, *raw})
        if grouped.get(currency, ZERO) != raw.get(currency, ZERO)
    ]
    if counted != summary.row_count:
        wrong.append(f"{counted} rows in groups, {summary.row_count} delivered")
    return CheckOutcome(GROUPS, not wrong, True, "; ".join(wrong) or f"{summary.row_count} rows, to the last digit")


def _casts(files: Sequence[FileFacts]) -> CheckOutcome:
    # a failed cell that its row uses has made the file an ERROR before a month gets here
    counts: dict[str, int] = {}
    for file in files:
        for column, cells in file.failed_cells.items():
            counts[column] = counts.get(column, 0) + cells
    listed = ", ".join(f"{column} {cells}" for column, cells in sorted(counts.items()))
    return CheckOutcome(CASTS, True, True, f"cells without a number where none is used: {listed or 'none'}")


def _exclusive(claimed_elsewhere: Sequence[str]) -> CheckOutcome:
    return CheckOutcome(
        EXCLUSIVE, not claimed_elsewhere, True, "; ".join(claimed_elsewhere) or "no other project has them"
    )


def _types(summary: MonthSummary) -> CheckOutcome:
    listed = ", ".join(f"{kind or '(blank)'} {rows} rows" for kind, rows in summary.unknown_types.items())
    return CheckOutcome(TYPES, not listed, False, f"unknown: {listed}" if listed else "all known")


def _columns(files: Sequence[FileFacts], before: Sequence[str]) -> CheckOutcome:
    now = {column for file in files for column in file.columns}
    gone = sorted(set(before) - now) if now else []
    return CheckOutcome(COLUMNS, not gone, False, f"vanished: {', '.join(gone)}" if gone else "none vanished")


def _tags(files: Sequence[FileFacts]) -> CheckOutcome:
    spellings: dict[str, set[str]] = {}
    for file in files:
        for column in file.columns:
            spellings.setdefault(column.lower(), set()).add(column)
    alike = [" / ".join(sorted(names)) for _, names in sorted(spellings.items()) if len(names) > 1]
    repeated: dict[str, int] = {}
    for file in files:
        for column, entries in file.repeated_keys.items():
            repeated[column] = repeated.get(column, 0) + entries
    notes = [f"kept apart: {'; '.join(alike)}"] if alike else []
    notes += [
        f"{entries} entries of {column} whose key stands again in the same row, where the last one is kept"
        for column, entries in sorted(repeated.items())
    ]
    return CheckOutcome(TAGS, not notes, False, "; ".join(notes) or "all distinct")


def _period(summary: MonthSummary) -> CheckOutcome:
    rows = summary.out_of_period_rows
    detail = f"{rows} rows clamped into the month for daily figures" if rows else "none outside"
    return CheckOutcome(PERIOD, not rows, False, detail)
