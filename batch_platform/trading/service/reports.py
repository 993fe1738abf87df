"""What has happened in all live campaigns, in a span of time [since, until) or as of a day: what people see of a run.

Rows are as `Session` gives them, with the name of their `campaign`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.store import Session


def ticks(context: TradingContext, since: datetime, until: datetime) -> list[Row]:
    """Ticks, and how many tokens each holds."""
    return _of_each(context, lambda session, number: session.ticks_between(number, since, until))


def prices(context: TradingContext, since: datetime, until: datetime) -> list[Row]:
    """Accepted prices with the funding index after each."""
    return _of_each(context, lambda session, number: session.prices_between(number, since, until))


def liquidations(context: TradingContext, since: datetime, until: datetime) -> list[Row]:
    """Positions that were liquidated."""
    return _of_each(context, lambda session, number: session.liquidations_between(number, since, until))


def interest(context: TradingContext, day: date) -> list[Row]:
    """The interest index of a day, and the rate that the day before added."""
    return _of_each(context, lambda session, number: session.interest_of_day(number, day))


def lst_rates(context: TradingContext, day: date) -> list[Row]:
    """What liquid staking tokens are worth in their base on a day."""
    return _of_each(context, lambda session, number: session.lst_rates_of_day(number, day))


def _of_each(context: TradingContext, read: Callable[[Session, int], list[Row]]) -> list[Row]:
    with context.store.snapshot() as session:
        return [
            {"campaign": campaign["name"], **row}
            for campaign in session.campaigns("live")
            for row in read(session, campaign["campaign_no"])
        ]
