"""What the coming days will cost: a seasonal naive forecast, with the error it would have made so far.

Each future day costs the median of the last `WEEKS` days of its weekday (Hyndman & Athanasopoulos,
"Forecasting: Principles and Practice", 3rd ed., 5.2, seasonal naive with a period of seven days; the median
instead of the last value, so that one bad day is not repeated). The backtest rolls its origin over every day
of the history and predicts it from the same weekdays of the four weeks before it; it stands for all leads up
to one week, whose forecasts are the same, and is optimistic for later days. Its residuals give

    MAE  = sum |actual - predicted| / days          in currency units
    WAPE = sum |actual - predicted| / sum |actual|  a ratio; absent where nothing was spent

and, as their empirical 10 % and 90 % quantiles (nearest rank), the interval around each forecast day.

Everything is Decimal; results are rounded half-even to 12 decimals. Days are UTC days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

from batch_platform.finops.daily import EXACT, WEEK, complete, median
from batch_platform.finops.model import MONEY

WEEKS: Final = 4
MINIMUM_DAYS: Final = 2 * WEEK
LOWER_PERCENT: Final = 10
UPPER_PERCENT: Final = 90

NO_HISTORY: Final = "no history"
SEASONAL: Final = (
    f"seasonal naive: median of the last {WEEKS} days of the same weekday, "
    f"{UPPER_PERCENT - LOWER_PERCENT} % interval from the backtest"
)
MEAN: Final = f"mean of all days, no interval: fewer than {MINIMUM_DAYS} days of history"

SCHEMA: Final = {
    "target_date": pl.Date(),
    "currency": pl.String(),
    "amount": MONEY,
    "lower_bound": MONEY,
    "upper_bound": MONEY,
}


@dataclass(frozen=True)
class BacktestError:
    """How far off the forecast would have been on `days` days; `mae` in `currency`, `wape` a ratio."""

    currency: str
    days: int
    mae: Decimal
    wape: Decimal | None


@dataclass(frozen=True, eq=False)
class Forecast:
    """`frame` in `SCHEMA`, by day and currency; bounds are null where there was no backtest.

    `method` says how it was made (per currency where they differ); `backtest_error` has one entry per
    currency with at least `MINIMUM_DAYS` days of history.
    """

    frame: pl.DataFrame
    method: str
    backtest_error: tuple[BacktestError, ...]


def forecast(daily: pl.DataFrame, first: date, last: date) -> Forecast:
    """Forecast every currency of `daily` for the days `first` to `last`, both included.

    `daily` has usage_date, currency and amount (Decimal); further columns are summed over, rows on or after
    `first` ignored. History runs to its newest day, and days without a row inside it cost zero, so leave out
    days that are not completely delivered. No days to forecast (`last` < `first`) is an empty frame.
    """
    past = daily.filter(pl.col("usage_date") < first)
    if past.is_empty():
        return Forecast(pl.DataFrame(schema=SCHEMA), NO_HISTORY, ())
    newest = past.get_column("usage_date").max()
    assert isinstance(newest, date)
    history = complete(past, ["currency"], newest).with_columns(_weekday("usage_date"))
    levels = history.group_by("currency").agg(days=pl.len(), mean=_divide(pl.col("amount").sum(), pl.len()))
    errors = _backtest(history.join(levels.filter(pl.col("days") >= MINIMUM_DAYS), on="currency", how="semi"))
    frame = _project(history, levels.join(errors, on="currency", how="left"), first, last)
    return Forecast(frame, _method(levels), _errors(errors))


def month_end(actual: pl.DataFrame, expected: Forecast, month: date) -> pl.DataFrame:
    """What the month that begins on `month` will have cost: currency, actual, remaining, projected (`MONEY`).

    `actual` has usage_date, currency and amount, one-off charges included if the projection shall hold them;
    only its days of the month before the first forecast day count, so that no day counts twice. `remaining`
    is the forecast's part of the month. Sorted by currency. Bounds of days do not add up, so there are none
    here.
    """
    in_month = (pl.col("day") >= month) & (pl.col("day") < pl.lit(month).dt.offset_by("1mo"))
    zero = pl.lit(Decimal(0), dtype=MONEY)
    begin = expected.frame.get_column("target_date").min()
    known = actual if begin is None else actual.filter(pl.col("usage_date") < begin)
    spent = known.select("currency", day="usage_date", actual=pl.col("amount").cast(MONEY), remaining=zero)
    coming = expected.frame.select("currency", day="target_date", actual=zero, remaining="amount")
    return (
        pl.concat([spent, coming])
        .filter(in_month)
        .group_by("currency")
        .agg(pl.col("actual", "remaining").sum())
        .with_columns(projected=pl.col("actual") + pl.col("remaining"))
        .sort("currency")
    )


def _weekday(column: str) -> pl.Expr:
    return pl.col(column).dt.weekday().alias("weekday")


def _divide(dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    """The quotient half-even at scale 12; null where the divisor is zero."""
    exact = divisor.cast(EXACT)
    return (dividend / pl.when(exact != 0).then(exact)).round(12, mode="half_to_even").cast(MONEY)


def _money(expression: pl.Expr) -> pl.Expr:
    return expression.round(12, mode="half_to_even").cast(MONEY)


def _quantile(values: pl.Expr, percent: int) -> pl.Expr:
    """The nearest-rank quantile: the smallest value that at least `percent` % of the values do not exceed."""
    rank = (values.len().cast(pl.Int64) * percent + 99) // 100
    return values.sort().get(rank - 1)


def _backtest(history: pl.DataFrame) -> pl.DataFrame:
    """Per currency: days tested, mae, wape and the quantiles of the residuals (low, high)."""
    window = f"{WEEKS * WEEK}d"
    predicted = (
        history.sort("currency", "weekday", "usage_date")
        .rolling(
            "usage_date",
            period=window,
            offset=f"-{window}",
            closed="left",
            group_by=["currency", "weekday"],
        )
        .agg(predicted=_money(median(pl.col("amount"))))
        .drop_nulls("predicted")
    )
    residual = (pl.col("amount") - pl.col("predicted")).cast(MONEY)
    size = residual.abs().sum()
    return (
        history.join(predicted, on=["currency", "weekday", "usage_date"])
        .group_by("currency")
        .agg(
            tested=pl.len(),
            mae=_divide(size, pl.len()),
            wape=_divide(size, pl.col("amount").abs().sum()),
            low=_quantile(residual, LOWER_PERCENT),
            high=_quantile(residual, UPPER_PERCENT),
        )
        .sort("currency")
    )


def _project(history: pl.DataFrame, levels: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """The forecast in `SCHEMA`; the interval always holds the forecast itself."""
    days = pl.date_range(first, last, eager=True) if first <= last else pl.Series([], dtype=pl.Date)
    targets = pl.DataFrame({"target_date": days}).with_columns(_weekday("target_date"))
    usual = history.group_by("currency", "weekday").agg(
        usual=_money(median(pl.col("amount").sort_by("usage_date").tail(WEEKS)))
    )
    zero = pl.lit(Decimal(0), dtype=MONEY)
    seasonal = pl.col("days") >= MINIMUM_DAYS
    return (
        targets.join(levels, how="cross")
        .join(usual, on=["currency", "weekday"], how="left")
        .with_columns(amount=pl.when(seasonal).then("usual").otherwise("mean"))
        .with_columns(
            lower_bound=pl.when(seasonal).then(pl.col("amount") + pl.min_horizontal("low", zero)),
            upper_bound=pl.when(seasonal).then(pl.col("amount") + pl.max_horizontal("high", zero)),
        )
        .select(*SCHEMA)
        .sort("target_date", "currency")
    )


def _method(levels: pl.DataFrame) -> str:
    named = levels.sort("currency").select(
        "currency",
        method=pl.when(pl.col("days") >= MINIMUM_DAYS).then(pl.lit(SEASONAL)).otherwise(pl.lit(MEAN)),
    )
    methods = named.get_column("method").unique(maintain_order=True).to_list()
    if len(methods) == 1:
        return str(methods[0])
    return "; ".join(f"{currency}: {method}" for currency, method in named.rows())


def _errors(errors: pl.DataFrame) -> tuple[BacktestError, ...]:
    rows = errors.select("currency", "tested", "mae", "wape").rows()
    return tuple(BacktestError(currency, days, mae, wape) for currency, days, mae, wape in rows)
