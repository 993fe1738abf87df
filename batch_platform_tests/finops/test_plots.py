"""Plots: real PNG files, small, the same every time, that show what they are given."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

import polars as pl
import pytest
from PIL import Image, ImageChops

from batch_platform.finops.anomalies import detect
from batch_platform.finops.forecast import forecast
from batch_platform.finops.model import MONEY
from batch_platform.finops.plots import (
    PALETTE,
    VERMILION,
    anomaly_plot,
    daily_stacked,
    forecast_plot,
)
from batch_platform.kit.charts import plot, png

START = date(2026, 9, 1)
SERVICES = [*(f"Service{number:02}" for number in range(11)), "日本語 $x$", "_hidden"]


def daily(days: int = 60, *, spike_on: int | None = None) -> pl.DataFrame:
    """Thirteen services whose costs differ and follow the week; one costs five times as much on one day."""
    rows = [
        (
            START + timedelta(day),
            service,
            "USD",
            Decimal(100 * (rank + 1) + 7 * (day % 7)) * (5 if day == spike_on and rank == 12 else 1),
        )
        for day in range(days)
        for rank, service in enumerate(SERVICES)
    ]
    schema = {"usage_date": pl.Date, "service": pl.String, "currency": pl.String, "amount": MONEY}
    return pl.DataFrame(rows, schema=schema, orient="row")


def stacked(frame: pl.DataFrame) -> bytes:
    return png(daily_stacked(frame, measure="unblended", currency="USD", title="Cost by service"))


def anomalous(frame: pl.DataFrame) -> bytes:
    return png(anomaly_plot(frame, detect(frame), currency="USD", title="Anomalies"))


def projected(frame: pl.DataFrame) -> bytes:
    made = forecast(frame, START + timedelta(60), START + timedelta(90))
    return png(forecast_plot(frame, made, currency="USD", title="Forecast"))


PLOTS = [stacked, anomalous, projected]


def image(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


def coloured(png: bytes, colour: str) -> Image.Image:
    """A mask of the pixels of that colour, give or take what the palette of the file rounds away."""
    plain = Image.new("RGB", image(png).size, colour)
    distance = ImageChops.difference(image(png), plain).convert("L")
    return distance.point([255] * 6 + [0] * 250)


def pixels_of(png: bytes, colour: str) -> int:
    return coloured(png, colour).histogram()[255]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("plot", PLOTS)
def test_a_plot_is_a_small_png_and_the_same_every_time(plot: Callable[[pl.DataFrame], bytes]):
    drawn = plot(daily(spike_on=40))
    assert image(drawn).size == (900, 400)
    assert Image.open(BytesIO(drawn)).info.keys() <= {"dpi"}
    assert len(drawn) < 60_000
    assert plot(daily(spike_on=40)) == drawn
    assert plot(daily(spike_on=40).with_columns(pl.col("amount") + pl.col("usage_date").dt.day())) != drawn


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("days", [0, 1])
def test_little_or_no_data_is_still_a_plot(plot: Callable[[pl.DataFrame], bytes], days: int):
    assert image(plot(daily(days))).size == (900, 400)


@pytest.mark.parametrize("plot", PLOTS)
def test_other_currencies_are_left_out(plot: Callable[[pl.DataFrame], bytes]):
    yen = daily().with_columns(currency=pl.lit("JPY"), amount=pl.col("amount") * 3)
    assert plot(pl.concat([daily(), yen])) == plot(daily())


def test_the_stack_shows_eight_services_and_the_others():
    drawn = stacked(daily(20))
    assert all(pixels_of(drawn, colour) > 300 for colour in PALETTE)
    smallest = pl.col("service") == SERVICES[0]
    assert stacked(daily(20).filter(~smallest)) != drawn, "the others are drawn"


def test_credits_hang_below_the_zero_line():
    credit = daily(20).filter(pl.col("service") == SERVICES[0]).with_columns(-pl.col("amount"))
    usage = credit.with_columns(pl.col("amount") * -2, service=pl.lit("Usage"))
    drawn, axes = stacked(pl.concat([usage, credit])), (75, 30, 650, 350)
    above, below = (coloured(drawn, colour).crop(axes).getbbox() for colour in PALETTE[:2])
    assert above is not None
    assert below is not None
    assert above[3] <= below[1] + 2, "usage ends where the credit begins, at zero"


@pytest.mark.parametrize(("name", "shown"), [("日本語", "???"), ("_hidden", "hidden"), ("x" * 40, "x" * 27 + "...")])
def test_names_are_shown_in_what_every_font_has(name: str, shown: str):
    rows = daily(3).filter(pl.col("service") == SERVICES[0])
    assert stacked(rows.with_columns(service=pl.lit(name))) == stacked(rows.with_columns(service=pl.lit(shown)))


def test_names_are_no_formulas():
    rows = daily(3).with_columns(service=pl.lit(r"$\nosuchcommand$"))
    assert image(stacked(rows)).size == (900, 400)


def test_anomalies_are_marked():
    assert pixels_of(anomalous(daily(spike_on=40)), VERMILION) > pixels_of(anomalous(daily()), VERMILION) + 20


def test_markdown_carries_the_image():
    figure = daily_stacked(daily(3), measure="unblended", currency="USD", title="Cost by service")
    text = plot(figure).value
    assert text.startswith("![](data:image/png;base64,")
    assert text.endswith(")")
    assert b64decode(text.removeprefix("![](data:image/png;base64,").removesuffix(")")) == stacked(daily(3))
