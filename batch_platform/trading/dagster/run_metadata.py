"""What people see of a run in the Dagster UI: counts, tables of the first rows, plots. By name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any, Final

from batch_platform.kit.assets import tabled
from batch_platform.kit.charts import plot
from batch_platform.trading import plots
from batch_platform.trading.answer import text
from batch_platform.trading.cadence import WINDOW
from batch_platform.trading.service import TradingContext, reports
from batch_platform.trading.service.funding import FundingOutcome
from batch_platform.trading.service.prices import Outcome
from batch_platform.trading.service.recurring import DAY
from batch_platform.trading.service.retention import Pruned
from batch_platform.trading.service.snapshots import Taken

PLOTTED: Final = timedelta(days=1)
"""What the plot of prices shows, up to the end of its partition."""

_tabled: Final = partial(tabled, text=text)

Row = Mapping[str, Any]
Metadata = dict[str, Any]


def of_prices(context: TradingContext, window: datetime, outcomes: Mapping[str, Outcome]) -> Metadata:
    """What came of the scheduled tick of ten minutes, all their ticks, and how prices have moved up to them."""
    until = window + WINDOW
    ticks = reports.ticks(context, window, until)
    prices = reports.prices(context, until - PLOTTED, until)
    accepted = [row for row in prices if row["at"] >= window]
    shown = {
        "dagster/row_count": len(accepted),
        "ticks": len(ticks),
        "liquidated": sum(row["liquidated"] for row in ticks),
        "filled": sum(row["filled"] for row in ticks),
        **_tabled("scheduled", [{"campaign": name, **asdict(outcome)} for name, outcome in outcomes.items()]),
        **_tabled("prices", accepted, "campaign", "token", "at", "price_usd", "source"),
    }
    if ticks:
        shown["prices of a day"] = plot(plots.prices(_series(prices), title=f"Prices up to {until:%F %R} UTC"))
    return shown


def of_funding_rates(outcomes: Mapping[str, FundingOutcome]) -> Metadata:
    """New rates, and the tokens that got none."""
    rows = [{"campaign": name, **asdict(outcome)} for name, outcome in outcomes.items()]
    return {"rates": sum(outcome.added for outcome in outcomes.values()), **_tabled("campaigns", rows)}


def of_liquidations(context: TradingContext, window: datetime) -> Metadata:
    """Positions that ticks of ten minutes have liquidated."""
    rows = reports.liquidations(context, window, window + WINDOW)
    return {
        "dagster/row_count": len(rows),
        "bad debt, USDC": text(sum((row["bad_debt"] for row in rows), Decimal(0))),
        **_tabled("liquidated", rows),
    }


def of_funding_index(context: TradingContext, window: datetime) -> Metadata:
    """The funding index of each token after the last tick of ten minutes."""
    rows = reports.prices(context, window, window + WINDOW)
    newest = list({(row["campaign"], row["token"]): row for row in rows}.values())
    return {"dagster/row_count": len(newest), **_tabled("index", newest, "campaign", "token", "at", "j")}


def of_interest(context: TradingContext, day: date) -> Metadata:
    """The interest index after a day."""
    rows = reports.interest(context, day + DAY)
    return {"dagster/row_count": len(rows), **_tabled("index", rows)}


def of_lst_rates(context: TradingContext, day: date) -> Metadata:
    """What liquid staking tokens are worth after a day."""
    rows = reports.lst_rates(context, day + DAY)
    return {"dagster/row_count": len(rows), **_tabled("rates", rows)}


def of_snapshots(campaigns: Mapping[str, Taken]) -> Metadata:
    """How many players could be valued at an hour."""
    rows = [{"campaign": name, **asdict(taken)} for name, taken in campaigns.items()]
    return {
        "dagster/row_count": sum(row["complete"] for row in rows),
        "incomplete": sum(row["incomplete"] for row in rows),
        **_tabled("campaigns", rows),
    }


def of_board(ranked: Sequence[Row], unranked: Sequence[Row]) -> Metadata:
    """The boards of an hour, and how profits are spread."""
    profits = [row["pnl_percentage"] for row in ranked]
    shown = {
        "dagster/row_count": len(ranked),
        "unranked": len(unranked),
        **_tabled("board", ranked, "campaign", "rank", "username", "pnl_percentage", "pnl_usd", "total_value_usd"),
        **_tabled("not ranked", unranked, "campaign", "username", "reason"),
    }
    if profits:
        shown["profits"] = plot(plots.profits(profits, title="Players by profit since the start"))
    return shown


def of_thinning(pruned: Pruned) -> Metadata:
    """Rows that went, by campaign, and days of which none was left."""
    rows = [asdict(campaign) for campaign in pruned.campaigns]
    return {"removed": pruned.removed, "partitions dropped": len(pruned.partitions), **_tabled("campaigns", rows)}


def _series(rows: Iterable[Row]) -> plots.Prices:
    """By token; of several campaigns with their names."""
    every = list(rows)
    alone = len({row["campaign"] for row in every}) == 1
    names = groupby(every, lambda row: row["token"] if alone else f"{row['token']}, {row['campaign']}")
    return {name: [(row["at"], row["price_usd"]) for row in points] for name, points in names}
