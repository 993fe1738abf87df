"""The plot of a batch, for asset metadata.

Only `matplotlib.figure.Figure` is used: pyplot keeps figures in global state. What is drawn depends on the arguments
alone. Satoshi stay whole numbers; the canvas alone makes positions of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.btc.money import btc_text
from batch_platform.btc.plan import Bucket

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design": told apart by people with any kind of colour blindness.
BLUE: Final = "#0072B2"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
INK: Final = "#444444"


def amounts_by_size(distribution: Sequence[Bucket], *, title: str) -> Figure:
    """Users, and BTC they get or lose together, by the decade of the amount; losses have a colour of their own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), dpi=100, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    if not distribution:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No amounts", transform=axes.transAxes, ha="center", color=INK, fontsize=12)
        return figure
    left, right = figure.subplots(1, 2)
    _bars(left, distribution, [bucket.users for bucket in distribution], "Users", BLUE)
    colour = VERMILION if sum(bucket.amount for bucket in distribution) < 0 else GREEN
    _bars(right, distribution, [abs(bucket.amount) for bucket in distribution], "BTC together", colour)
    right.yaxis.set_major_formatter(lambda satoshi, _: _short(int(satoshi)))
    return figure


def _bars(axes: Axes, distribution: Sequence[Bucket], heights: Sequence[int], label: str, colour: str) -> None:
    places = range(len(distribution))
    axes.bar(places, heights, color=colour, width=0.85)
    axes.set_yscale("symlog")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(label)
    axes.set_xlabel("Amount of a user, BTC and more")
    axes.set_xticks(places, [_short(bucket.lower) for bucket in distribution], rotation=45, ha="right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _short(satoshi: int) -> str:
    """BTC without zeros at the end."""
    return btc_text(satoshi).rstrip("0").rstrip(".")
