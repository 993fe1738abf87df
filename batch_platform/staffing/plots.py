"""The plots of staffing, for asset metadata. What is drawn depends on the arguments alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE: Final = "#0072B2"


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
