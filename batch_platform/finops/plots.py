"""Plots of daily cost, for asset metadata.

Only `matplotlib.figure.Figure` is used: pyplot keeps figures in global state. What is drawn depends on the
arguments alone. Amounts become float here and nowhere else, because a position on the canvas is one; no
figure shown as text comes from such a float except the ticks of the axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.finops.forecast import Forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_SERVICES: Final = 8
OTHERS: Final = "Others"
LABELLED_ANOMALIES: Final = 5
LABEL_LENGTH: Final = 30

# Okabe & Ito, "Color Universal Design": told apart by people with any kind of colour blindness.
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PALETTE: Final = (BLUE, "#E69F00", "#009E73", "#56B4E9", VERMILION, "#CC79A7", "#F0E442", "#000000")
GREY: Final = "#999999"
INK: Final = "#444444"


def daily_stacked(daily: pl.DataFrame, *, measure: str, currency: str, title: str) -> Figure:
    """Daily cost in `currency`, stacked by service: the eight whose days weigh most, the rest as Others.

    `daily` has usage_date, service, currency and amount. Credits hang below the zero line.
    """
    rows = daily.filter(pl.col("currency") == currency)
    weights = rows.group_by("service").agg(pl.col("amount").abs().sum())
    top = weights.sort("amount", "service", descending=[True, False]).head(TOP_SERVICES)["service"].to_list()
    name = pl.when(pl.col("service").is_in(top)).then("service").otherwise(pl.lit(OTHERS))
    stacks = rows.group_by("usage_date", name.alias("service")).agg(pl.col("amount").sum())
    services = [*top, OTHERS] if weights.height > TOP_SERVICES else top
    figure, axes = _canvas(title, f"{measure} cost per day ({currency})")
    if rows.is_empty():
        return _no_data(figure, axes)
    days = rows.get_column("usage_date").unique().sort()
    above, below = [0.0] * len(days), [0.0] * len(days)
    for service, colour in zip(services, [*PALETTE[: len(top)], GREY], strict=False):
        heights = _geometry(_aligned(stacks.filter(pl.col("service") == service), days))
        bottoms = [u if h >= 0 else d for h, u, d in zip(heights, above, below, strict=True)]
        axes.bar(days.to_list(), heights, bottom=bottoms, width=0.85, color=colour, label=_label(str(service)))
        above = [u + max(h, 0.0) for u, h in zip(above, heights, strict=True)]
        below = [d + min(h, 0.0) for d, h in zip(below, heights, strict=True)]
    _span(axes, days)
    _legend(axes, reverse=True)
    return figure


def anomaly_plot(daily: pl.DataFrame, anomalies: pl.DataFrame, *, currency: str, title: str) -> Figure:
    """Total daily cost in `currency`; days with anomalies are marked, the highest scores named.

    `daily` has usage_date, currency and amount (summed by day), `anomalies` what `anomalies.detect` gives.
    """
    from matplotlib.transforms import offset_copy

    totals = _by_day(daily, currency)
    marks = (
        anomalies.filter(pl.col("currency") == currency)
        .join(totals.rename({"amount": "total"}), on="usage_date")
        .sort("score", "usage_date", "service", descending=[True, False, False])
        .with_row_index("rank")
    )
    figure, axes = _canvas(title, f"Cost per day ({currency})")
    if totals.is_empty():
        return _no_data(figure, axes)
    axes.plot(totals["usage_date"].to_list(), _geometry(totals), color=INK, linewidth=1.5, marker=".", label="Total")
    for direction, marker, colour, upwards in (("spike", "^", VERMILION, 1), ("drop", "v", BLUE, -1)):
        marked = marks.filter(pl.col("direction") == direction)
        if marked.is_empty():
            continue
        axes.scatter(
            marked["usage_date"].to_list(),
            _geometry(marked, "total"),
            marker=marker,
            s=45,
            color=colour,
            zorder=3,
            transform=offset_copy(axes.transData, figure, y=6 * upwards, units="points"),
            label=f"{direction.capitalize()} of a service",
        )
        _name_points(axes, marked.filter(pl.col("rank") < LABELLED_ANOMALIES), upwards)
    axes.margins(y=0.18)
    if min(_geometry(totals)) >= 0:
        axes.set_ylim(bottom=0)
    _span(axes, totals["usage_date"])
    _legend(axes)
    return figure


def forecast_plot(history: pl.DataFrame, forecast: Forecast, *, currency: str, title: str) -> Figure:
    """Past and forecast daily cost in `currency`, with the interval where there is one.

    `history` has usage_date, currency and amount (summed by day).
    """
    past = _by_day(history, currency)
    coming = forecast.frame.filter(pl.col("currency") == currency)
    figure, axes = _canvas(title, f"Cost per day ({currency})")
    if past.is_empty() and coming.is_empty():
        return _no_data(figure, axes)
    axes.plot(past["usage_date"].to_list(), _geometry(past), color=INK, linewidth=1.5, marker=".", label="Actual")
    days = coming["target_date"].to_list()
    axes.plot(days, _geometry(coming), color=BLUE, linewidth=1.5, linestyle="--", marker=".", label="Forecast")
    bounded = coming.drop_nulls(["lower_bound", "upper_bound"])
    if not bounded.is_empty():
        axes.fill_between(
            bounded["target_date"].to_list(),
            _geometry(bounded, "lower_bound"),
            _geometry(bounded, "upper_bound"),
            color=BLUE,
            alpha=0.2,
            linewidth=0,
            label="80 % interval",
        )
    if days and not past.is_empty():
        axes.axvline(days[0], color=GREY, linewidth=0.8, linestyle=":")
    _span(axes, pl.concat([past["usage_date"], coming["target_date"]]))
    _legend(axes)
    return figure


def _canvas(title: str, y_label: str) -> tuple[Figure, Axes]:
    """A figure of 900 x 400 pixels with one pair of axes: days below, amounts with separators at the left."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_label(title, 90), loc="left", fontsize=12, fontweight="bold")
    axes.set_xlabel("Usage day (UTC)")
    axes.set_ylabel(_label(y_label, 60))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.axhline(0, color=INK, linewidth=0.8)
    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    return figure, axes


def _span(axes: Axes, days: pl.Series) -> None:
    """Show exactly these days, with two days of margin, so that a single one is not lost among years."""
    first, last = days.dt.offset_by("-2d").min(), days.dt.offset_by("2d").max()
    axes.set_xlim(first, last)  # type: ignore[arg-type]  # matplotlib takes dates


def _legend(axes: Axes, *, reverse: bool = False) -> None:
    """Name what is drawn, at the right of the axes; `reverse` for stacks, whose first entry lies lowest."""
    handles, labels = axes.get_legend_handles_labels()
    step = -1 if reverse else 1
    axes.legend(
        handles[::step], labels[::step], loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9
    )


def _no_data(figure: Figure, axes: Axes) -> Figure:
    axes.set_axis_off()
    axes.lines[0].remove()
    axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color=INK, fontsize=12)
    return figure


def _name_points(axes: Axes, points: pl.DataFrame, upwards: int) -> None:
    """Write the service above (`upwards` 1) or below (-1) each point; those of one day stand in a pile."""
    from matplotlib.dates import date2num

    levels = points.with_columns(level=pl.int_range(pl.len()).over("usage_date"))
    for day, service, height, level in zip(
        levels["usage_date"].to_list(),
        levels["service"].to_list(),
        _geometry(levels, "total"),
        levels["level"].to_list(),
        strict=True,
    ):
        axes.annotate(
            _label(service),
            (date2num(day), height),  # type: ignore[no-untyped-call]
            xytext=(0, (13 + 12 * level) * upwards),
            textcoords="offset points",
            ha="center",
            va="bottom" if upwards > 0 else "top",
            fontsize=8,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )


def _by_day(daily: pl.DataFrame, currency: str) -> pl.DataFrame:
    rows = daily.filter(pl.col("currency") == currency)
    return rows.group_by("usage_date").agg(pl.col("amount").sum()).sort("usage_date")


def _aligned(stack: pl.DataFrame, days: pl.Series) -> pl.DataFrame:
    """One row for each day, in their order; null where the service cost nothing."""
    return days.to_frame("usage_date").join(stack, on="usage_date", how="left", maintain_order="left")


def _geometry(frame: pl.DataFrame, column: str = "amount") -> list[float]:
    """Amounts as positions on the canvas, which are floats; missing ones lie on the zero line."""
    return frame.get_column(column).cast(pl.Float64).fill_null(0).to_list()


def _label(text: str, length: int = LABEL_LENGTH) -> str:
    """ASCII that matplotlib does not interpret: $ would start a formula, a leading _ hide the label."""
    plain = text.encode("ascii", "replace").decode("ascii").lstrip("_")
    short = plain if len(plain) <= length else f"{plain[: length - 3]}..."
    return short.replace("$", r"\$")
