"""What people see of a run in the Dagster UI: counts, amounts, a table, a plot. Metadata by name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from batch_platform.finops import plots
from batch_platform.finops.model import MEASURES
from batch_platform.finops.summary import service_monthly, totals
from batch_platform.kit.assets import ROWS_SHOWN, tabled
from batch_platform.kit.charts import plot

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from batch_platform.finops.forecast import Forecast
    from batch_platform.finops.service import AggregateOutcome, FetchOutcome, PublishOutcome


def of_fetch(outcome: FetchOutcome) -> dict[str, Any]:
    notes = {"manifest_version": outcome.version, "missing": list(outcome.missing[:ROWS_SHOWN]), "note": outcome.note}
    return {
        "status": outcome.status.value,
        "files": outcome.files,
        "bytes": outcome.total_bytes,
        **{name: value for name, value in notes.items() if value},
    }


def of_files(outcome: AggregateOutcome) -> dict[str, Any]:
    return {
        "dagster/row_count": outcome.rows,
        "files": outcome.done,
        "source_bytes": outcome.source_bytes,
        "files_in_error": len(outcome.errors),
        **({"errors": outcome.errors[:ROWS_SHOWN]} if outcome.errors else {}),
    }


def of_publication(outcome: PublishOutcome) -> dict[str, Any]:
    published = outcome.published
    assert published is not None
    shown: dict[str, Any] = {
        "state": published.state.value,
        "manifest_version": published.version,
        "line_items": published.row_count,
        "dagster/row_count": outcome.costs.height,
        "rows_changed": outcome.changed,
    }
    if published.final_from is not None:
        shown["final_from"] = dg.MetadataValue.timestamp(published.final_from)
    for currency, sums in totals(outcome.costs).items():
        for name in MEASURES:
            shown[f"{name} ({currency})"] = f"{sums[name]:f}"
        shown[f"plot ({currency})"] = plot(_daily_costs(outcome, currency))
    return {**shown, **tabled("restated", outcome.restated)}


def of_services(outcome: PublishOutcome) -> dict[str, Any]:
    by_service = service_monthly(outcome.costs).sort("unblended", descending=True)
    columns = ["usage_account_id", "service", "currency", "unblended", "amortized"]
    return {"dagster/row_count": by_service.height, **tabled("largest", by_service, *columns)}


def of_anomalies(project_id: str, month: date, anomalies: pl.DataFrame, daily: pl.DataFrame) -> dict[str, Any]:
    title = f"{project_id} {month:%Y-%m}: anomalies in daily cost"
    return {
        "dagster/row_count": anomalies.height,
        **tabled("anomalies", anomalies.sort("score", descending=True)),
        **_by_currency(daily, lambda currency: plots.anomaly_plot(daily, anomalies, currency=currency, title=title)),
    }


def of_forecast(project_id: str, month: date, forecast: Forecast, history: pl.DataFrame) -> dict[str, Any]:
    title = f"{project_id}: forecast after {month:%Y-%m}"
    errors = {each.currency: f"{each.wape} of the cost over {each.days} days" for each in forecast.backtest_error}
    return {
        "dagster/row_count": forecast.frame.height,
        "method": forecast.method,
        **{f"backtest error ({currency})": error for currency, error in errors.items()},
        **_by_currency(
            forecast.frame, lambda currency: plots.forecast_plot(history, forecast, currency=currency, title=title)
        ),
    }


def _daily_costs(outcome: PublishOutcome, currency: str) -> Figure:
    daily = outcome.costs.group_by("usage_date", "service", "currency").agg(pl.col("unblended").sum().alias("amount"))
    title = f"{outcome.project_id} {outcome.month:%Y-%m}"
    return plots.daily_stacked(daily, measure="unblended", currency=currency, title=title)


def _by_currency(frame: pl.DataFrame, draw: Callable[[str], Figure]) -> dict[str, Any]:
    return {f"plot ({currency})": plot(draw(currency)) for currency in frame["currency"].unique().sort()}
