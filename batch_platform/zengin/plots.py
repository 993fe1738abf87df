"""The plot of changes over time, for asset metadata.

Only `matplotlib.figure.Figure` is used: pyplot keeps figures in global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.zengin.model import Changeset, DiffType, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito, "Color Universal Design": told apart by people with any kind of colour blindness.
_COLOURS: Final = {DiffType.ADDITION: "#009E73", DiffType.UPDATE: "#0072B2", DiffType.DELETION: "#D55E00"}
_INK: Final = "#444444"


def changes_over_time(changesets: Sequence[Changeset]) -> Figure:
    """Rows a changeset proposed, by operation, over business dates; held ones are marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title("Changes of the bank master", loc="left", fontsize=12, fontweight="bold")
    axes.set_ylabel("Rows")
    axes.spines[["top", "right"]].set_visible(False)
    shown = sorted(
        (changeset for changeset in changesets if changeset.counts.get("rows")),
        key=lambda changeset: (changeset.business_date, changeset.id),
    )
    if not shown:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No changes yet", transform=axes.transAxes, ha="center", color=_INK, fontsize=12)
        return figure
    places = list(range(len(shown)))
    below = [0] * len(shown)
    for diff_type, colour in _COLOURS.items():
        heights = [sum(changeset.counts.get(f"{table}.{diff_type}", 0) for table in Table) for changeset in shown]
        axes.bar(places, heights, bottom=below, color=colour, label=diff_type.value, width=0.85)
        below = [lower + height for lower, height in zip(below, heights, strict=True)]
    held = [place for place, changeset in zip(places, shown, strict=True) if changeset.hold_reason is not None]
    axes.scatter(held, [below[place] for place in held], marker="x", color=_INK, label="held")
    axes.set_yscale("symlog")
    step = max(1, len(shown) // 10)
    axes.set_xticks(
        places[::step],
        [f"{changeset.business_date:%Y-%m-%d}" for changeset in shown[::step]],
        rotation=30,
        ha="right",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    return figure
