"""The states of a billing month: open -> closing -> final -> restated.

They are decided by what was delivered and when AWS delivered it, never by the present, so that computing a month
again gives the state it had.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from batch_platform.finops.model import MonthState, PublishedMonth

HISTORY_MONTHS: Final = 3
"""How many months before a month its anomalies and forecast look back."""


def month_start(text: str) -> date:
    """`YYYY-MM` or `YYYY-MM-DD` -> the first day of that month. Raises `ValueError`."""
    return date.fromisoformat(f"{text}-01" if len(text) == len("2026-10") else text).replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def shift(month: date, months: int) -> date:
    """The first day of the month `months` later (earlier when negative)."""
    index = month.year * 12 + month.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def state_of(
    month: date,
    *,
    delivered_at: datetime,
    row_count: int,
    uninvoiced_rows: int,
    version: str,
    before: PublishedMonth | None,
    difference: pl.DataFrame,
) -> MonthState:
    """The state of a month as published now.

    open: delivered before the billing period ended (UTC). closing: after it, with charges not yet invoiced, or
    with none at all. final: every charge row has its invoice. restated: a newer version changed money after that.
    `difference` is the money difference to `before` (restatement.py).
    """
    if before is not None and before.state in (MonthState.FINAL, MonthState.RESTATED):
        changed = before.version != version and difference.height
        return MonthState.RESTATED if changed else before.state
    after = next_month(month)
    ended = datetime(after.year, after.month, 1, tzinfo=UTC)
    if delivered_at < ended:
        return MonthState.OPEN
    if row_count == 0 or uninvoiced_rows:
        return MonthState.CLOSING
    return MonthState.FINAL
