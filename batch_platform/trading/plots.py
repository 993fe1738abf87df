"""The plots of trading, for asset metadata.

Only `matplotlib.figure.Figure` is used: pyplot keeps figures in global state. What is drawn depends on the arguments
alone. Prices and profits stay decimals; the canvas alone makes positions of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design": told apart by people with any kind of colour blindness.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: Final = ("-", "--", ":", "-.")
_GAIN: Final = "#009E73"
_LOSS: Final = "#D55E00"
_INK: Final = "#444444"
_BARS: Final = 24

Prices = Mapping[str, Sequence[tuple[datetime, Decimal]]]
"""Moments and prices of a token, in order, by what it is called."""


def prices(series: Prices, *, title: str) -> Figure:
    """How prices have moved, in percent of the first one shown of each token; at least one token."""
    figure, axes = _canvas(title)
    for index, (name, points) in enumerate(series.items()):
        first = points[0][1]
        axes.plot(
            [at for at, _ in points],  # type: ignore[arg-type]  # matplotlib has converters of its own
            [100 * price / first for _, price in points],  # type: ignore[arg-type]
            color=_COLOURS[index % len(_COLOURS)],
            linestyle=_DASHES[index // len(_COLOURS) % len(_DASHES)],
            marker="." if len(points) < 2 else "",
            label=name,
        )
    axes.set_ylabel("Percent of the first price")
    axes.set_xlabel("UTC")
    axes.tick_params(axis="x", rotation=30)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return figure


def profits(percentages: Sequence[Decimal], *, title: str) -> Figure:
    """Players, at least one, by their profit in percent; losses have a colour of their own."""
    figure, axes = _canvas(title)
    width = _width(max(percentages) - min(percentages))
    counts: dict[int, int] = {}
    for percentage in percentages:
        place = int(percentage // width) - (percentage < 0 and percentage % width != 0)
        counts[place] = counts.get(place, 0) + 1
    axes.bar(
        [width * place for place in counts],  # type: ignore[arg-type]  # matplotlib has converters of its own
        list(counts.values()),
        width=width,  # type: ignore[arg-type]
        align="edge",
        color=[_LOSS if place < 0 else _GAIN for place in counts],
        edgecolor="white",
    )
    axes.axvline(0, color=_INK, linewidth=1)
    axes.set_ylabel("Players")
    axes.set_xlabel("Profit since the start, percent")
    return figure


def _width(span: Decimal) -> Decimal:
    """1, 2 or 5 times a power of ten, so that about `_BARS` bars hold the span."""
    least = span / _BARS
    power = Decimal(1).scaleb(least.adjusted()) if least else Decimal(1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _canvas(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
