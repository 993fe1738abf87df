"""What is asked of published costs, whoever asks and whatever answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from batch_platform.core import clock
from batch_platform.core.failures import InvalidInput
from batch_platform.finops.groups import Filter, Group, parse_filters, parse_groups
from batch_platform.finops.model import REPORT_MEASURES
from batch_platform.finops.months import next_month, shift
from batch_platform.finops.service.insight import parse_month

DAYS_AT_MOST: Final = 400
"""Days of one question."""


@dataclass(frozen=True)
class CostQuery:
    """What is asked: a measure of `REPORT_MEASURES` by groups, of the days `start` to `end`, both included (UTC)."""

    project_id: str
    start: date
    end: date
    measure: str
    groups: tuple[Group, ...] = ()
    filters: tuple[Filter, ...] = ()

    @property
    def months(self) -> list[date]:
        """The billing months that hold the days."""
        first = self.start.replace(day=1)
        count = (self.end.year - first.year) * 12 + self.end.month - first.month + 1
        return [shift(first, number) for number in range(count)]

    @property
    def in_summary(self) -> bool:
        return all(group.in_summary for group in (*self.groups, *(given.group for given in self.filters)))


def cost_query(
    project_id: str,
    *,
    month: date | None = None,
    start: date | None = None,
    end: date | None = None,
    measure: str = "unblended",
    group_by: Iterable[str] = (),
    filters: Iterable[str] = (),
) -> CostQuery:
    """A query of a billing month, or of the days `start` to `end`. Raises `InvalidInput` naming the field."""
    if (month is None) == (start is None and end is None):
        raise InvalidInput("month-or-days", "choose either a month, or days by start and end", field="month")
    if month is not None:
        start, end = month.replace(day=1), next_month(month) - timedelta(days=1)
    if start is None or end is None:
        raise InvalidInput("days-half-open", "days have a start and an end", field="end" if end is None else "start")
    if end < start:
        raise InvalidInput(
            "end-before-start", "the end {end} lies before the start {start}", end=end, start=start, field="end"
        )
    if (end - start).days >= DAYS_AT_MOST:
        raise InvalidInput(
            "too-many-days",
            "{limit} days at most, not {days}",
            limit=DAYS_AT_MOST,
            days=(end - start).days + 1,
            field="end",
        )
    if measure not in REPORT_MEASURES:
        raise InvalidInput(
            "not-one-of",
            "{field} must be one of {choices}, not {value}",
            choices=list(REPORT_MEASURES),
            value=repr(measure),
            field="measure",
        )
    return CostQuery(project_id, start, end, measure, parse_groups(group_by), parse_filters(filters))


def typed_query(
    project_id: str, month: str | None, start: str | None, end: str | None, group_by: str = "", **more: Any
) -> CostQuery:
    """`cost_query` of what was typed: a month or days. Raises `InvalidInput`."""
    if month is None and start is None and end is None:
        raise InvalidInput("month-or-days-needed", "name a month, or days by --start and --end", field="month")
    return cost_query(
        project_id,
        month=parse_month(month) if month is not None else None,
        start=parse_day(start, "start") if start is not None else None,
        end=parse_day(end, "end") if end is not None else None,
        group_by=listed(group_by),
        **more,
    )


def listed(text: str) -> tuple[str, ...]:
    """Groups that are written with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_day(text: str, field: str) -> date:
    """`YYYY-MM-DD` as typed by users. Raises `InvalidInput`."""
    try:
        return clock.parse_day(text)
    except ValueError:
        raise InvalidInput("no-day", "{text} is not a day; write YYYY-MM-DD", text=repr(text), field=field) from None


def span_of(query: CostQuery) -> str:
    """The billing month, or the days as an ISO 8601 interval."""
    whole = query.start.day == 1 and query.end == next_month(query.start) - timedelta(days=1)
    return f"{query.start:%Y-%m}" if whole else f"{query.start}/{query.end}"


def span(months: Sequence[date]) -> str:
    return f"{months[0]:%Y-%m}" if len(months) == 1 else f"{months[0]:%Y-%m} to {months[-1]:%Y-%m}"
