"""Days on which a service cost far more or far less than it lately did.

The statistic is the modified z-score of Iglewicz & Hoaglin, "How to Detect and Handle Outliers" (ASQC, 1993):
|x - median| / (1.4826 * MAD), an outlier above 3.5, where 1.4826 makes the median absolute deviation (MAD)
comparable with the standard deviation of a normal distribution. Median and MAD are those of the preceding
days alone, so that a day never hides itself and yesterday's verdict does not change tomorrow.

Two refinements keep it quiet where a person would be:
- the MAD has a floor, so that a steady service is not flagged for dust: an anomaly is always a change of more
  than `MINIMUM_CHANGE` and of more than `MINIMUM_SHARE` of the median;
- a service with a weekly rhythm is not flagged every Saturday: once `MINIMUM_SAME_WEEKDAYS` of the preceding
  days share the weekday, the amount has to stand out from their median as well.

A lasting change of level is flagged until it is half of the window. All comparisons are exact; only the score
shown is rounded (half-even, 4 decimals).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.daily import EXACT, WEEK, complete, median
from batch_platform.finops.model import MEASURES, MONEY

WINDOW_DAYS: Final = 28
MINIMUM_DAYS: Final = 7
MINIMUM_SAME_WEEKDAYS: Final = 3
THRESHOLD: Final = Decimal("3.5")
MAD_TO_DEVIATION: Final = Decimal("1.4826")
MINIMUM_CHANGE: Final = Decimal(1)
"""In units of the row's currency."""
MINIMUM_SHARE: Final = Decimal("0.1")

ONE_OFF_CLASSES: Final = ("commitment_fee", "fee", "refund", "credit", "tax")
"""Charge classes that come once in a while and by nature stand out."""

SCORE: Final = pl.Decimal(38, 4)
SCHEMA: Final = {
    "usage_date": pl.Date(),
    "service": pl.String(),
    "currency": pl.String(),
    "amount": MONEY,
    "expected": MONEY,
    "deviation": MONEY,
    "score": SCORE,
    "direction": pl.String(),
    "explanation": pl.String(),
}

_SERIES: Final = ("service", "currency")


def usage_daily(summary: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Daily totals of a cost summary, without one-off charges.

    Gives usage_date, service, currency and amount (`MONEY`), sorted by these. `measure` is one of `MEASURES`,
    else InvalidInput.
    """
    if measure not in MEASURES:
        raise InvalidInput(
            "not-one-of",
            "{field} must be one of {choices}, not {value}",
            choices=list(MEASURES),
            value=repr(measure),
            field="measure",
        )
    return (
        summary.filter(~pl.col("charge_class").is_in(ONE_OFF_CLASSES))
        .group_by("usage_date", *_SERIES)
        .agg(pl.col(measure).sum().alias("amount"))
        .sort("usage_date", *_SERIES)
    )


def detect(
    daily: pl.DataFrame,
    *,
    first: date | None = None,
    last: date | None = None,
    minimum_change: Decimal = MINIMUM_CHANGE,
) -> pl.DataFrame:
    """The anomalous days from `first` to `last` (UTC days, both included; default: the days of `daily`).

    `daily` has usage_date, service, currency and amount in any order, and should reach `WINDOW_DAYS` back
    before `first`; a day is judged once `MINIMUM_DAYS` days of its service precede it. Days without a row
    count as zero from the service's first day to `last`, so leave out days that are not completely delivered.
    `minimum_change` is in currency units and positive, else InvalidInput.

    Gives `SCHEMA` sorted by day, service, currency: `expected` is the median (half-even, 12 decimals),
    `deviation` = amount - expected, `direction` spike or drop, `explanation` one English sentence.
    """
    if minimum_change <= 0:
        raise InvalidInput(
            "not-positive", "{field} must be positive, not {value}", value=minimum_change, field="minimum_change"
        )
    if daily.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    days = daily.get_column("usage_date")
    first, last = first or days.min(), last or days.max()  # type: ignore[assignment]  # of dates
    assert isinstance(last, date)
    series = complete(daily, _SERIES, last)
    judged = (
        series.join(_baseline(series), on=[*_SERIES, "usage_date"], nulls_equal=True)
        .filter((pl.col("usage_date") >= first) & (pl.col("days") >= MINIMUM_DAYS))
        .with_columns(limit=_limit(minimum_change), change=(pl.col("amount") - pl.col("median")).abs())
    )
    stands_out = pl.col("change") > pl.col("limit")
    breaks_rhythm = (pl.col("amount") - pl.col("weekday_median")).abs() > pl.col("limit")
    few_weeks = pl.col("same_weekdays") < MINIMUM_SAME_WEEKDAYS
    return _explained(judged.filter(stands_out & (few_weeks | breaks_rhythm)))


def _baseline(series: pl.DataFrame) -> pl.DataFrame:
    """Median, MAD and weekday median of the `WINDOW_DAYS` days before each day of a complete series."""
    amount = pl.col("amount")
    # Without gaps, every seventh day counted back from the day before has the weekday of the day judged.
    same_weekday = amount.reverse().gather_every(WEEK, offset=WEEK - 1)
    window = f"{WINDOW_DAYS}d"
    return series.rolling(
        "usage_date", period=window, offset=f"-{window}", closed="left", group_by=list(_SERIES)
    ).agg(
        days=pl.len(),
        median=median(amount),
        mad=median((amount - median(amount)).abs()),
        same_weekdays=same_weekday.len(),
        weekday_median=median(same_weekday),
    )


def _limit(minimum_change: Decimal) -> pl.Expr:
    """The change beyond which a day is an anomaly: 3.5 * 1.4826 * MAD, or the floor where that is smaller."""
    return pl.max_horizontal(
        pl.col("mad") * pl.lit(THRESHOLD * MAD_TO_DEVIATION, dtype=EXACT),
        pl.col("median").abs() * pl.lit(MINIMUM_SHARE, dtype=EXACT),
        pl.lit(minimum_change, dtype=EXACT),
    )


def _explained(flagged: pl.DataFrame) -> pl.DataFrame:
    """The flagged days in `SCHEMA`; the limit stands for a score of 3.5, so score = 3.5 * change / limit."""
    score = pl.col("change") * pl.lit(THRESHOLD, dtype=EXACT) / pl.col("limit")
    return (
        flagged.with_columns(
            pl.col("amount").cast(MONEY),
            expected=pl.col("median").round(12, mode="half_to_even").cast(MONEY),
            score=score.round(4, mode="half_to_even").cast(SCORE),
        )
        .with_columns(
            deviation=pl.col("amount") - pl.col("expected"),
            direction=pl.when(pl.col("amount") > pl.col("expected")).then(pl.lit("spike")).otherwise(pl.lit("drop")),
            explanation=pl.format(
                "{} cost {} {} on {} against a median of {} {} over the preceding {} days (score {})",
                "service",
                _shown("amount", 2),
                "currency",
                pl.col("usage_date").dt.to_string("%Y-%m-%d"),
                _shown("expected", 2),
                "currency",
                "days",
                _shown("score", 1),
            ),
        )
        .select(*SCHEMA)
        .sort("usage_date", *_SERIES)
    )


def _shown(column: str, decimals: int) -> pl.Expr:
    """A Decimal column as text of that many decimals, rounded half-even."""
    rounded = pl.col(column).round(decimals, mode="half_to_even")
    return rounded.cast(pl.Decimal(38, decimals)).cast(pl.String)
