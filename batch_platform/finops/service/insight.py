"""What people ask of published costs: reports, anomalies, a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.finops import anomalies, forecast
from batch_platform.finops.model import MonthState, PublishedMonth
from batch_platform.finops.months import HISTORY_MONTHS, month_start, next_month, shift
from batch_platform.finops.report import Report, build
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.store import Session

_MEASURE: Final = "amortized"


def parse_month(text: str) -> date:
    """`YYYY-MM` as typed by users. Raises `InvalidInput`."""
    try:
        return month_start(text)
    except ValueError:
        raise InvalidInput(
            "no-month", "{text} is not a month; write YYYY-MM", text=repr(text), field="month"
        ) from None


def month_costs(context: FinopsContext, project_id: str, month: date) -> tuple[PublishedMonth, pl.DataFrame]:
    """A published month and its cost summary, as of one moment. Raises `NotFound`."""
    with context.store.snapshot() as session:
        return _published(session, project_id, month), session.costs(project_id, month, month)


def _published(session: Session, project_id: str, month: date) -> PublishedMonth:
    session.project(project_id)
    published = session.month(project_id, month)
    if published is None:
        raise NotFound(
            "month-not-published",
            "project {project} has no published costs for {month}",
            project=project_id,
            month=f"{month:%Y-%m}",
            field="month",
        )
    return published


def report(
    context: FinopsContext, project_id: str, month: date, *, measure: str, group_by: Sequence[str]
) -> list[Report]:
    """The month's costs by group, one report a currency."""
    published, costs = month_costs(context, project_id, month)
    return build(
        costs,
        project_id=project_id,
        month=f"{month:%Y-%m}",
        state=published.state,
        manifest_version=published.version,
        measure=measure,
        group_by=group_by,
    )


def daily_costs(context: FinopsContext, project_id: str, month: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Daily usage cost (amortised) by service: of the month, and of it with the months it is compared to."""
    with context.store.transaction() as session:
        return _daily(session, project_id, month)


def _daily(session: Session, project_id: str, month: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    history = session.costs(project_id, shift(month, -HISTORY_MONTHS), month)
    daily = anomalies.usage_daily(history, _MEASURE)
    return daily.filter(pl.col("usage_date") >= month), daily


def expected_days(published: PublishedMonth, daily: pl.DataFrame) -> tuple[forecast.Forecast, pl.DataFrame]:
    """The forecast from a month on, and the days it saw: what is left of an open month, or the month after it.

    The newest day of an open month is left out: AWS is still adding to it.
    """
    month = published.month
    first = next_month(month)
    if published.state is MonthState.OPEN:
        newest = daily.filter(pl.col("usage_date") >= month)["usage_date"].max()
        first = newest if isinstance(newest, date) else month
    history = daily.filter(pl.col("usage_date") < first)
    return forecast.forecast(history, first, next_month(first.replace(day=1)) - timedelta(days=1)), history


def compute_anomalies(context: FinopsContext, project_id: str, month: date) -> pl.DataFrame:
    """Find and store the month's anomalies, and those of later months that are compared with changed costs.

    What is found depends on the published costs alone, in whichever order months were published.
    """
    with context.store.transaction() as session:
        session.lock_insight(project_id)
        _published(session, project_id, month)
        stale = session.months_without_anomalies(project_id)
        for at in sorted({month, *stale}):
            _, daily = _daily(session, project_id, at)
            detected = anomalies.detect(daily, first=at, last=next_month(at) - timedelta(days=1))
            if at in stale or not session.anomalies(project_id, at).equals(detected):
                session.replace_anomalies(project_id, at, _published(session, project_id, at).version, detected)
            session.anomalies_computed(project_id, at)
        return session.anomalies(project_id, month)


def compute_forecast(context: FinopsContext, project_id: str, month: date) -> tuple[forecast.Forecast, pl.DataFrame]:
    """Forecast what is left of an open month, or the month after a complete one; with the history it saw.

    Later months whose history changed are forecast again too.
    """
    with context.store.transaction() as session:
        session.lock_insight(project_id)
        stale = session.months_without_forecast(project_id)
        for at in stale:
            if at != month:
                _forecast(session, project_id, at, stale=True)
        return _forecast(session, project_id, month, stale=month in stale)


def _forecast(
    session: Session, project_id: str, month: date, *, stale: bool
) -> tuple[forecast.Forecast, pl.DataFrame]:
    published = _published(session, project_id, month)
    _, daily = _daily(session, project_id, month)
    expected, history = expected_days(published, daily)
    errors = {error.currency: error.wape for error in expected.backtest_error}
    rows = expected.frame.with_columns(
        pl.lit(expected.method).alias("method"),
        pl.col("currency")
        .replace_strict(errors, default=None, return_dtype=pl.Decimal(38, 12))
        .alias("backtest_error"),
    )
    if stale or not session.forecast(project_id, month).equals(rows):
        session.replace_forecast(project_id, month, published.version, rows)
    session.forecast_computed(project_id, month)
    return expected, history


@dataclass(frozen=True, eq=False)
class Insight:
    """Anomalies or a forecast of a published month, with the daily usage cost (amortised) it was found in.

    `rows` is the frame of `finops_cost_anomalies` or `finops_cost_forecasts`; `daily` has usage_date, currency and
    amount. Not `up_to_date`: the costs have changed since, and it will be computed again.
    """

    published: PublishedMonth
    rows: pl.DataFrame
    daily: pl.DataFrame
    up_to_date: bool


def anomalies_of(context: FinopsContext, project_id: str, month: date | None) -> Insight:
    """A month's anomalies (None: the newest published), with the month's days. Raises `NotFound`."""
    with context.store.snapshot() as session:
        published = _published_or_newest(session, project_id, month)
        in_month, _ = _daily(session, project_id, published.month)
        stale = published.month in session.months_without_anomalies(project_id)
        return Insight(published, session.anomalies(project_id, published.month), _totals(in_month), not stale)


def forecast_of(context: FinopsContext, project_id: str, month: date | None) -> Insight:
    """The forecast made from a month (None: the newest published), with the days it saw. Raises `NotFound`."""
    with context.store.snapshot() as session:
        published = _published_or_newest(session, project_id, month)
        _, daily = _daily(session, project_id, published.month)
        rows = session.forecast(project_id, published.month)
        first = rows["target_date"].min()
        seen = daily if first is None else daily.filter(pl.col("usage_date") < first)
        stale = published.month in session.months_without_forecast(project_id)
        return Insight(published, rows, _totals(seen), not stale)


def _published_or_newest(session: Session, project_id: str, month: date | None) -> PublishedMonth:
    if month is not None:
        return _published(session, project_id, month)
    session.project(project_id)
    months = session.months(project_id)
    if not months:
        raise NotFound(
            "nothing-published", "project {project} has no published month", project=project_id, field="month"
        )
    return months[-1]


def _totals(daily: pl.DataFrame) -> pl.DataFrame:
    return daily.group_by("usage_date", "currency").agg(pl.col("amount").sum()).sort("usage_date", "currency")
