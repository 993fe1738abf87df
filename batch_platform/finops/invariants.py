"""What must be true of a month before it is published, and what people should be told about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from batch_platform.core.messages import Message
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
    claimed_elsewhere: Sequence[Message],
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
        return CheckOutcome(
            AMORTISATION,
            True,
            True,
            Message("check-not-applicable", "not applicable: FOCUS carries no amortisation columns"),
        )
    broken = summary.identity.broken
    residuals = (
        [Message("check-residual", "residual {residuals}", residuals=list(map(str, broken)))] if broken else []
    )
    reasons: list[Message] = []
    if summary.unamortized_rows:
        reasons.append(
            Message(
                "check-unamortized-rows",
                "{count} commitment rows carry no amortisation figures",
                count=summary.unamortized_rows,
            )
        )
    if broken:
        unproven = summary.identity.unproven()
        if unproven is None:
            [residual] = residuals
            detail = (
                Message(
                    "check-month-open", "{residual}; a warning only, for the month is still open", residual=residual
                )
                if month_open
                else residual
            )
            return CheckOutcome(AMORTISATION, False, not month_open, detail)
        reasons += unproven
    if reasons:
        detail = Message("check-not-provable", "not provable, {reasons}", reasons=[*reasons, *residuals])
        return CheckOutcome(AMORTISATION, False, False, detail)
    return CheckOutcome(
        AMORTISATION, True, True, Message("check-identity-holds", "holds for every payer and currency")
    )


def _groups(summary: MonthSummary, raw: Mapping[str, Decimal]) -> CheckOutcome:
    grouped = {currency: sums["unblended"] for currency, sums in totals(summary.costs).items()}
    counted = int(summary.costs["usage_rows"].sum()) + summary.split_rows
    wrong = [
        Message(
            "check-sums-differ",
            "{currency}: groups {groups}, rows {rows}",
            currency=currency,
            groups=f"{grouped.get(currency, ZERO):f}",
            rows=f"{raw.get(currency, ZERO):f}",
        )
        for currency in sorted({*grouped, *raw})
        if grouped.get(currency, ZERO) != raw.get(currency, ZERO)
    ]
    if counted != summary.row_count:
        wrong.append(
            Message(
                "check-rows-differ",
                "{groups} rows in groups, {delivered} delivered",
                groups=counted,
                delivered=summary.row_count,
            )
        )
    equal = Message("check-groups-equal", "{count} rows, to the last digit", count=summary.row_count)
    return CheckOutcome(GROUPS, not wrong, True, _all(wrong) or equal)


def _casts(files: Sequence[FileFacts]) -> CheckOutcome:
    # a failed cell that its row uses has made the file an ERROR before a month gets here
    counts: dict[str, int] = {}
    for file in files:
        for column, cells in file.failed_cells.items():
            counts[column] = counts.get(column, 0) + cells
    listed = [f"{column} {cells}" for column, cells in sorted(counts.items())]
    text = Message("check-cells", "cells without a number where none is used: {cells}", cells=listed)
    none = Message("check-no-cells", "cells without a number where none is used: none")
    return CheckOutcome(CASTS, True, True, text if listed else none)


def _exclusive(claimed_elsewhere: Sequence[Message]) -> CheckOutcome:
    alone = Message("check-exclusive", "no other project has them")
    return CheckOutcome(EXCLUSIVE, not claimed_elsewhere, True, _all(claimed_elsewhere) or alone)


def _types(summary: MonthSummary) -> CheckOutcome:
    listed = [
        Message("check-rows-of-type", "{kind} {count} rows", kind=kind or "(blank)", count=rows)
        for kind, rows in summary.unknown_types.items()
    ]
    unknown = Message("check-unknown-types", "unknown: {types}", types=listed)
    return CheckOutcome(TYPES, not listed, False, unknown if listed else Message("check-types-known", "all known"))


def _columns(files: Sequence[FileFacts], before: Sequence[str]) -> CheckOutcome:
    now = {column for file in files for column in file.columns}
    gone = sorted(set(before) - now) if now else []
    vanished = Message("check-columns-gone", "vanished: {columns}", columns=gone)
    return CheckOutcome(
        COLUMNS, not gone, False, vanished if gone else Message("check-columns-kept", "none vanished")
    )


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
    notes = [Message("check-tags-alike", "kept apart: {tags}", tags=alike)] if alike else []
    notes += [
        Message(
            "check-keys-repeated",
            "{count} entries of {column} whose key stands again in the same row, where the last one is kept",
            count=entries,
            column=column,
        )
        for column, entries in sorted(repeated.items())
    ]
    return CheckOutcome(TAGS, not notes, False, _all(notes) or Message("check-tags-distinct", "all distinct"))


def _period(summary: MonthSummary) -> CheckOutcome:
    rows = summary.out_of_period_rows
    clamped = Message("check-rows-clamped", "{count} rows clamped into the month for daily figures", count=rows)
    return CheckOutcome(PERIOD, not rows, False, clamped if rows else Message("check-none-outside", "none outside"))


def _all(findings: Sequence[Message]) -> Message | None:
    """What was found, as one message; None for nothing."""
    return Message("check-findings", "{findings}", findings=findings) if findings else None
