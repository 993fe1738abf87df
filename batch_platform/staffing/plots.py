"""The plots of staffing, for asset metadata. What is drawn depends on the arguments alone.

Only `matplotlib.figure.Figure` is used: pyplot keeps figures in global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from batch_platform.staffing.documents.fonts import FOLDER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

# Okabe & Ito, "Color Universal Design": told apart by people with any kind of colour blindness.
_OF_STATUS: Final = {"working": "#0072B2", "waiting_soon": "#E69F00", "waiting": "#D55E00"}
_BLUE: Final = "#0072B2"
_OF_HOLDS: Final = ("#009E73", "#CC79A7", "#56B4E9", "#000000")
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


def statuses(series: Sequence[tuple[date, Mapping[str, int]]], *, title: str) -> Figure:
    """Engineers by status, day by day, on top of each other; at least one day and one status."""
    figure, axes = _canvas(title)
    names = {name for _, counts in series for name in counts}
    holds = sorted(names - {*_OF_STATUS})
    colours = {**_OF_STATUS, **{name: _OF_HOLDS[index % len(_OF_HOLDS)] for index, name in enumerate(holds)}}
    days = [day for day, _ in series]
    below = [0] * len(days)
    for name in [*(name for name in _OF_STATUS if name in names), *holds]:
        counts = [counted.get(name, 0) for _, counted in series]
        axes.bar(days, counts, bottom=below, width=1, color=colours[name], label=name)  # type: ignore[arg-type]
        below = [low + count for low, count in zip(below, counts, strict=True)]
    axes.set_ylabel("Engineers")
    axes.set_xlim(min(days[0], days[-1] - _WEEK), days[-1] + _DAY)  # type: ignore[arg-type]
    axes.tick_params(axis="x", rotation=30)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, prop=_font())
    return figure


def usage(companies: Sequence[tuple[str, int, int]], *, title: str) -> Figure:
    """API calls and logins of companies, the first on top; at least one."""
    figure, axes = _canvas(title)
    places = range(len(companies), 0, -1)
    for label, column, colour, shift in (("API calls", 1, "#0072B2", 0.2), ("Logins", 2, "#E69F00", -0.2)):
        counts = [row[column] for row in companies]
        axes.barh([place + shift for place in places], counts, height=0.4, color=colour, label=label)
    axes.set_yticks(places, [name for name, _, _ in companies], fontproperties=_font())
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return figure


def response_times(subjects: Sequence[tuple[str, Decimal | None, Decimal | None]], *, title: str) -> Figure:
    """Milliseconds of a week and of the one before, the first subject on top; at least one."""
    figure, axes = _canvas(title)
    places = range(len(subjects), 0, -1)
    now = [round(value or 0) for _, value, _ in subjects]
    before = [round(value or 0) for _, _, value in subjects]
    for label, widths, colour, shift in (
        ("this week", now, "#0072B2", 0.2),
        ("the week before", before, "#E69F00", -0.2),
    ):
        axes.barh([place + shift for place in places], widths, height=0.4, color=colour, label=label)
    axes.set_yticks(places, [name for name, _, _ in subjects], fontproperties=_font())
    axes.set_xlabel("ms")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return figure


def billed(months: Sequence[tuple[date, int]], *, title: str) -> Figure:
    """Yen with tax by month, in thousands; at least one month."""
    figure, axes = _canvas(title)
    axes.bar([f"{month:%Y-%m}" for month, _ in months], [total / 1_000 for _, total in months], color=_BLUE)
    axes.set_ylabel("1,000 yen with tax")
    axes.tick_params(axis="x", rotation=30)
    return figure


def sizes(nights: Sequence[tuple[date, int]], *, title: str) -> Figure:
    """Bytes by night, in MB; at least one night."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.bar([night.isoformat()[5:] for night, _ in nights], [size / 1e6 for _, size in nights], color=_BLUE)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_ylabel("MB", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.tick_params(axis="x", rotation=90)
    return figure


def _canvas(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _font() -> FontProperties:
    """For words of the SaaS, which may be Japanese."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=str(FOLDER / "NotoSansJP-Regular.ttf"), size=9)
