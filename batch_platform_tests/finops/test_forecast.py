"""Forecast: exact for weekly series, honest about its error and about too little history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from batch_platform.finops.forecast import (
    MEAN,
    NO_HISTORY,
    SCHEMA,
    SEASONAL,
    BacktestError,
    Forecast,
    forecast,
    month_end,
)
from batch_platform.finops.model import MONEY

START = date(2026, 10, 1)
DAILY_SCHEMA = {"usage_date": pl.Date, "currency": pl.String, "amount": MONEY}


def series(amounts: Sequence[object], *, currency: str = "USD", start: date = START) -> pl.DataFrame:
    """One row per day from `start`; None leaves a day out."""
    rows = [
        (start + timedelta(day), currency, Decimal(str(amount)))
        for day, amount in enumerate(amounts)
        if amount is not None
    ]
    return pl.DataFrame(rows, schema=DAILY_SCHEMA, orient="row")


def following(daily: pl.DataFrame, days: int) -> Forecast:
    """The forecast of the `days` days after the history."""
    newest = daily["usage_date"].max()
    assert isinstance(newest, date)
    return forecast(daily, newest + timedelta(1), newest + timedelta(days))


week_strategy = st.lists(st.decimals(min_value=-1000, max_value=100_000, places=12), min_size=7, max_size=7)


@given(week_strategy, st.integers(14, 60), st.integers(1, 40))
@settings(max_examples=50)
def test_a_perfectly_weekly_series_is_forecast_exactly(week: list[Decimal], days: int, ahead: int):
    made = following(series([week[day % 7] for day in range(days)]), ahead)
    coming = [week[day % 7] for day in range(days, days + ahead)]
    for column in ("amount", "lower_bound", "upper_bound"):
        assert made.frame[column].to_list() == coming
    (error,) = made.backtest_error
    assert (error.days, error.mae) == (days - 7, 0)
    assert error.wape in ((0,) if any(week[day % 7] for day in range(7, days)) else (None,))
    assert made.method == SEASONAL


def test_each_day_is_the_median_of_the_last_four_of_its_weekday():
    mondays = [1000, 1, 8, 2, 30]  # the oldest is out of reach; median of 1, 8, 2, 30 is 5
    daily = series([value for monday in mondays for value in [monday, 0, 0, 0, 0, 0, 0]])
    assert following(daily, 14).frame["amount"].to_list() == [5, 0, 0, 0, 0, 0, 0] * 2


def test_halves_beyond_scale_12_are_rounded_half_even():
    unit = Decimal("0.000000000001")
    daily = series([value for level in (1, 2) for value in [unit * level, 3 * unit * level] + [0] * 5])
    # Medians 1.5 and 4.5 units lie between two representable amounts.
    assert following(daily, 2).frame["amount"].to_list() == [2 * unit, 4 * unit]


def test_the_backtest_is_the_error_each_day_would_have_had():
    # Week 2 is predicted by week 1: residuals 10 0 0 0 0 0 -4, actuals 110 + 5 * 100 + 96 = 706.
    made = following(series([100] * 7 + [110, 100, 100, 100, 100, 100, 96]), 7)
    (error,) = made.backtest_error
    assert error == BacktestError("USD", 7, mae=Decimal("2.000000000000"), wape=Decimal("0.019830028329"))
    # Nearest rank of 7 residuals: 10 % is the 1st (-4), 90 % the 7th (10).
    first = made.frame.row(0, named=True)
    assert first["amount"] == Decimal(105)
    assert (first["lower_bound"], first["upper_bound"]) == (Decimal(101), Decimal(115))


def test_the_interval_holds_the_forecast_of_a_growing_series():
    made = following(series([10 * day for day in range(28)]), 7)
    frame = made.frame
    assert frame.filter(pl.col("lower_bound") > pl.col("amount")).is_empty()
    assert frame.filter(pl.col("upper_bound") > pl.col("amount")).height == 7


def test_wape_is_absent_where_nothing_was_spent():
    (error,) = following(series([0] * 20), 1).backtest_error
    assert (error.mae, error.wape) == (Decimal(0), None)


def test_too_little_history_is_a_mean_and_says_so():
    made = following(series([1, 1, 2] + [1] * 10), 2)
    mean = Decimal("1.076923076923")  # 14 / 13
    assert made.frame.rows() == [
        (date(2026, 10, 14), "USD", mean, None, None),
        (date(2026, 10, 15), "USD", mean, None, None),
    ]
    assert (made.method, made.backtest_error) == (MEAN, ())
    assert following(series([1] * 14), 1).method == SEASONAL


def test_days_without_a_row_cost_zero():
    assert following(series([6, None, None]), 1).frame["amount"].to_list() == [6]
    assert following(series([6, None, 0]), 1).frame["amount"].to_list() == [2]


def test_no_history_is_an_empty_forecast():
    for made in (
        forecast(series([]), START, START + timedelta(3)),
        forecast(series([1], start=START), START, START + timedelta(3)),
    ):
        assert_frame_equal(made.frame, pl.DataFrame(schema=SCHEMA))
        assert (made.method, made.backtest_error) == (NO_HISTORY, ())


def test_days_on_or_after_the_horizon_are_no_history():
    daily = series([5] * 21 + [900] * 7)
    made = forecast(daily, START + timedelta(21), START + timedelta(27))
    assert made.frame["amount"].to_list() == [5] * 7


def test_an_empty_horizon_keeps_the_backtest():
    made = forecast(series([5] * 21), START + timedelta(21), START + timedelta(20))
    assert_frame_equal(made.frame, pl.DataFrame(schema=SCHEMA))
    assert made.backtest_error[0].days == 14


def test_currencies_are_forecast_apart():
    daily = pl.concat([series([5] * 21), series([700] * 3, currency="JPY", start=START + timedelta(18))])
    made = following(daily, 1)
    assert made.frame.select("currency", "amount").rows() == [("JPY", 700), ("USD", 5)]
    assert made.method == f"JPY: {MEAN}; USD: {SEASONAL}"
    assert [error.currency for error in made.backtest_error] == ["USD"]


@given(
    st.lists(st.decimals(min_value=-1000, max_value=1000, places=6), min_size=1, max_size=45),
    st.randoms(use_true_random=False),
)
@settings(max_examples=50)
def test_the_order_of_rows_and_further_columns_do_not_matter(amounts: list[Decimal], random):
    whole = series(amounts)
    split = pl.concat(
        [
            whole.with_columns(service=pl.lit("a"), amount=pl.col("amount") - 1),
            whole.with_columns(service=pl.lit("b"), amount=pl.lit(Decimal(1), dtype=MONEY)),
        ]
    )
    order = list(range(split.height))
    random.shuffle(order)
    expected, made = following(whole, 9), following(split[order], 9)
    assert_frame_equal(made.frame, expected.frame)
    assert (made.method, made.backtest_error) == (expected.method, expected.backtest_error)


def test_month_end_is_what_was_spent_and_what_is_to_come():
    september = series([77] * 5, start=date(2026, 9, 26))
    october = series([2] * 21)
    made = forecast(october, date(2026, 10, 22), date(2026, 11, 5))
    projected = month_end(pl.concat([september, october, series([9], start=date(2026, 10, 22))]), made, START)
    assert projected.rows(named=True) == [
        {"currency": "USD", "actual": Decimal(42), "remaining": Decimal(20), "projected": Decimal(62)}
    ]


def test_month_end_without_a_forecast_is_what_was_spent():
    daily = series([2] * 31)
    nothing = forecast(daily, date(2026, 11, 1), date(2026, 10, 31))
    assert month_end(daily, nothing, START)["projected"].to_list() == [62]
