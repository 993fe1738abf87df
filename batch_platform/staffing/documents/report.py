"""Reports as PDF/A-3b: figures, charts drawn as vectors, tables. Charts show positions; numbers stay decimals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from batch_platform.core.numbers import plain
from batch_platform.staffing.documents.fonts import all_printable
from batch_platform.staffing.documents.model import Rendered
from batch_platform.staffing.documents.report_model import Chart, Report, Section, Table
from batch_platform.staffing.documents.typesetting import breakable, datetime_fields, day, typeset

_GRID_LINES: Final = 5
_LABELS: Final = 12
_PLACE: Final = Decimal("0.0001")


def render(report: Report) -> Rendered:
    """The report as PDF, tagged for readers. Raises `MissingGlyph`, before anything is drawn, for what fonts lack."""
    return typeset("report.typ", _data(all_printable(report, "report")), tagged=True)


def _data(report: Report) -> dict[str, Any]:
    return {
        "title": report.title,
        "subtitle": breakable(report.subtitle),
        "period": f"{day(report.period_start)}〜{day(report.period_end)}",
        "made": f"{day(report.made_on)}作成",
        "date": datetime_fields(report.made_on),
        "author": report.author,
        "sections": [_section(section) for section in report.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    chart = section.chart if section.chart and section.chart.labels and section.chart.series else None
    return {
        "heading": breakable(section.heading),
        "figures": [[breakable(figure.label), figure.value, figure.change] for figure in section.figures],
        "chart": chart and (_ranking(chart) if chart.kind == "ranking" else _plot(chart)),
        "table": section.table and _table(section.table),
        "note": breakable(section.note),
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "columns": list(table.columns),
        "align": ["right" if place in table.numeric else "left" for place in range(len(table.columns))],
        "rows": [[breakable(text) for text in row] for row in table.rows],
    }


def _ranking(chart: Chart) -> dict[str, Any]:
    values = [Decimal(value or 0) for value in chart.series[0].values]
    longest = max(values) or Decimal(1)
    return {
        "kind": chart.kind,
        "unit": chart.unit,
        "rows": [
            [breakable(label), _position(value / longest), "－" if given is None else _digits(value)]
            for label, value, given in zip(chart.labels, values, chart.series[0].values, strict=True)
        ],
    }


def _plot(chart: Chart) -> dict[str, Any]:
    """Positions from 0 at the bottom to 1 at the top; `zero` is where bars begin."""
    measured = [Decimal(value) for series in chart.series for value in series.values if value is not None]
    whole = all(value == value.to_integral_value() for value in measured)
    ticks = _ticks(min(measured, default=Decimal(0)), max(measured, default=Decimal(0)), whole=whole)
    bottom, span = ticks[0], ticks[-1] - ticks[0]
    return {
        "kind": chart.kind,
        "unit": chart.unit,
        "ticks": [[_digits(tick), _position((tick - bottom) / span)] for tick in ticks],
        "zero": _position(-bottom / span),
        "labels": list(_thinned(chart.labels)),
        "series": [
            {
                "name": breakable(series.name),
                "values": [
                    None if value is None else _position((Decimal(value) - bottom) / span) for value in series.values
                ],
            }
            for series in chart.series
        ],
    }


def _ticks(least: Decimal, most: Decimal, *, whole: bool) -> Sequence[Decimal]:
    """Multiples of 1, 2 or 5 times a power of ten around the values and 0; two at least. `whole`: none between."""
    least, most = min(least, Decimal(0)), max(most, Decimal(0))
    step = _step((most - least) / _GRID_LINES or Decimal("0.2"))
    if whole:
        step = max(step, Decimal(1))
    first, last = int(least // step), int(-(-most // step))
    first -= least < first * step  # Decimal's // cuts towards 0
    last += most > last * step
    return [step * count for count in range(first, max(last, first + 1) + 1)]


def _step(least: Decimal) -> Decimal:
    power = Decimal(1).scaleb(least.adjusted())
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _thinned(labels: Sequence[str]) -> Iterator[str]:
    """Those that have room beside each other; the others empty."""
    every = -(-len(labels) // _LABELS)
    return (label if place % every == 0 else "" for place, label in enumerate(labels))


def _digits(value: Decimal) -> str:
    return f"{Decimal(plain(value)):,f}"


def _position(value: Decimal) -> str:
    return f"{value.quantize(_PLACE):f}"
