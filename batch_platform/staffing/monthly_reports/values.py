"""Numbers of a month as reports write and draw them: sums, changes against the month before, series by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from batch_platform.staffing.documents.report_model import Chart, Figure, Series
from batch_platform.staffing.months import last_day, length, shifted

Row = Mapping[str, Any]
Number = int | Decimal

NONE: Final = "－"
_STATUS_NAMES: Final = {"working": "稼働中", "waiting_soon": "待機予定", "waiting": "待機中"}
_LISTED_DAYS: Final = 10


class Days:
    """Rows of days, of a month and the one before it. A value that was not measured is None."""

    def __init__(self, month: date, rows: Iterable[Row]) -> None:
        self.month = month
        self.before = shifted(month, -1)
        self._rows = {row["day"]: row for row in rows}

    def values(self, name: str, month: date | None = None) -> list[Number | None]:
        """One a day of the month, from its first to its last."""
        return [self._rows.get(day, {}).get(name) for day in days_of(month or self.month)]

    def total(self, name: str) -> Number:
        """What the month's days come to."""
        return _total(self.values(name))

    def total_before(self, name: str) -> Number | None:
        """The same of the month before; None where one of its days is not known."""
        values = self.values(name, self.before)
        return None if None in values else _total(values)

    def last(self, name: str) -> Number | None:
        """As of the end of the month: what its newest known day has said."""
        return _last(self.values(name))

    def last_before(self, name: str) -> Number | None:
        """As of the end of the month before."""
        return self.values(name, self.before)[-1]

    def series(self, **names: str) -> tuple[Series, ...]:
        """Columns by the names that a chart gives them."""
        return tuple(Series(name=shown, values=tuple(self.values(name))) for name, shown in names.items())

    def sum_figure(self, name: str, label: str, unit: str) -> Figure:
        """The month's sum beside that of the month before."""
        total = self.total(name)
        return Figure(label=label, value=counted(total, unit), change=growth(total, self.total_before(name)))

    def last_figure(self, name: str, label: str, unit: str) -> Figure:
        """The month's end beside that of the month before."""
        value = self.last(name)
        return Figure(label=label, value=counted(value, unit), change=difference(value, self.last_before(name), unit))

    def chart(self, kind: Any, unit: str, **names: str) -> Chart | None:
        """Columns by day; None where nothing happened."""
        return drawn(Chart(kind=kind, labels=labels(self.month), series=self.series(**names), unit=unit))


def days_of(month: date) -> list[date]:
    """Its days in order."""
    return [month + timedelta(days=place) for place in range(length(month))]


def made_on(month: date) -> date:
    """The date that a month's reports bear, whenever they are made: the 2nd after the month."""
    return last_day(month) + timedelta(days=2)


def labels(month: date) -> tuple[str, ...]:
    """Days as a chart names them."""
    return tuple(f"{day.day}日" for day in days_of(month))


def drawn(chart: Chart) -> Chart | None:
    """The chart, or None where all it would show is nothing."""
    return chart if any(value for series in chart.series for value in series.values) else None


def month_text(month: date) -> str:
    """As Japanese writes a month."""
    return f"{month.year}年{month.month}月"


def day_text(day: date) -> str:
    """As tables write a day."""
    return f"{day:%Y/%m/%d}"


def days_text(days: Sequence[date]) -> str:
    """Days of one month, the first ones if there are many."""
    listed = "、".join(f"{day.month}月{day.day}日" for day in days[:_LISTED_DAYS])
    return listed if len(days) <= _LISTED_DAYS else f"{listed} ほか{len(days) - _LISTED_DAYS}日"


def status_name(status: str | None) -> str:
    """What people call a status; holds are called what the SaaS calls them."""
    return NONE if status is None else _STATUS_NAMES.get(status, status)


def status_order(status: str) -> tuple[int, str]:
    """The rule's own first, then holds by name."""
    rules = list(_STATUS_NAMES)
    return (rules.index(status) if status in rules else len(rules), status)


def counted(value: Number | None, unit: str) -> str:
    """A number with its unit, thousands apart."""
    return NONE if value is None else f"{value:,}{unit}"


def yen(value: Number) -> str:
    """Whole yen; a minus stands before the sign."""
    return f"-¥{-int(value):,}" if value < 0 else f"¥{int(value):,}"


def difference(value: Number | None, before: Number | None, unit: str) -> str:
    """How a state moved against the end of the month before; nothing where that is not known."""
    if value is None or before is None:
        return ""
    return f"前月末比 {_signed(value - before)}{unit}"


def growth(value: Number, before: Number | None) -> str:
    """How a sum moved against that of the month before, in percent with one decimal, half up."""
    if before is None:
        return ""
    if before <= 0:
        return "前月比 ±0%" if value == before else "前月比 －"
    return f"前月比 {_signed(rounded((Decimal(value) - before) * 100 / before, 1))}%"


def percent(part: Number, whole: Number) -> str:
    """A share with one decimal, half up."""
    return NONE if not whole else f"{rounded(Decimal(part) * 100 / whole, 1)}%"


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up on the magnitude."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _total(values: Iterable[Number | None]) -> Number:
    return sum((value for value in values if value is not None), 0)


def _last(values: Sequence[Number | None]) -> Number | None:
    return next((value for value in reversed(values) if value is not None), None)


def _signed(value: Number) -> str:
    return f"{value:+,}" if value else "±0"
