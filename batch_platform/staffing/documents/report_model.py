"""What a report shows: figures, charts and tables by section. Texts are shown as they are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number with its unit as it is shown; `change` says how it moved."""

    label: str
    value: str
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of texts. `numeric` are the places of the columns that are aligned to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a table's rows have as many texts as it has columns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of a chart, one a label; None where nothing was measured."""

    name: str
    values: tuple[Decimal | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`bars` and `lines` have their labels below, a `ranking` one bar a label, which stands on its left.

    All series have as many values as there are labels; a ranking has one series, of values not below 0.
    """

    kind: Literal["bars", "lines", "ranking"]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if any(len(series.values) != len(self.labels) for series in self.series):
            raise ValueError("a chart's series have as many values as it has labels")
        if self.kind == "ranking" and (len(self.series) != 1 or any((v or 0) < 0 for v in self.series[0].values)):
            raise ValueError("a ranking has one series, of values not below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a report; what is empty is left out. `note` says what the reader must know of the figures."""

    heading: str
    figures: tuple[Figure, ...] = ()
    chart: Chart | None = None
    table: Table | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report for people: what of whom over which days, both inclusive. `made_on` is the document's date."""

    title: str
    subtitle: str
    period_start: date
    period_end: date
    made_on: date
    author: str
    sections: tuple[Section, ...]
