"""The states of a billing month: open -> closing -> final -> restated.

They are decided by what was delivered and when AWS delivered it. The present decides one thing, which never turns
back: whether a month that no invoice tells of has stood unchanged for long enough.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from batch_platform.core.clock import parse_day
from batch_platform.finops.model import MonthState, PublishedMonth

UNCHANGED_FOR: Final = timedelta(days=10)
"""How long after its end a month whose rows carry no InvoiceId must stand unchanged to be final."""

HISTORY_MONTHS: Final = 3
"""How many months before a month its anomalies and forecast look back."""


def month_start(text: str) -> date:
    """`YYYY-MM` or `YYYY-MM-DD` -> the first day of that month. Raises `ValueError`."""
    return parse_day(f"{text}-01" if len(text) == len("2026-10") else text).replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def shift(month: date, months: int) -> date:
    """The first day of the month `months` later (earlier when negative)."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def end_of(month: date) -> datetime:
    """When the billing period is over (UTC)."""
    after = next_month(month)
    return datetime(after.year, after.month, 1, tzinfo=UTC)


def state_of(
    month: date,
    *,
    delivered_at: datetime,
    row_count: int,
    uninvoiced_rows: int,
    version: str,
    before: PublishedMonth | None,
    difference: pl.DataFrame,
    final_from: datetime | None = None,
    now: datetime | None = None,
) -> MonthState:
    """The state of a month as published now.

    open: delivered before the billing period ended (UTC). closing: after it, with charges not yet invoiced, or
    with none at all. final: every row that costs something has its invoice, or the moment `final_from` has passed
    (`final_without_invoices`). restated: a newer version changed money after that. `difference` is the money
    difference to `before` (restatement.py).
    """
    if before is not None and was_final(before, delivered_at):
        if before.version != version and difference.height:
            return MonthState.RESTATED
        return before.state if before.state is MonthState.RESTATED else MonthState.FINAL
    if delivered_at < end_of(month):
        return MonthState.OPEN
    unchanged = final_from is not None and now is not None and now >= final_from
    if unchanged or (row_count and not uninvoiced_rows):
        return MonthState.FINAL
    return MonthState.CLOSING


def final_without_invoices(month: date, *, delivered_at: datetime, invoiced_rows: int) -> datetime | None:
    """From when a month is final if nothing newer is delivered; None where its invoices tell.

    FOCUS 1.0 has no InvoiceId, other formats may leave it blank in every row: then no row is invoiced.
    """
    return None if invoiced_rows else max(delivered_at, end_of(month)) + UNCHANGED_FOR


def was_final(before: PublishedMonth, at: datetime) -> bool:
    """Whether a month was final at a moment, such as a delivery's, even if nobody had looked at it by then."""
    if before.state in (MonthState.FINAL, MonthState.RESTATED):
        return True
    return before.final_from is not None and at >= before.final_from
