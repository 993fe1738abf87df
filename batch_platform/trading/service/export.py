"""A campaign as the lines of a contest: what it was given, so that a replay comes to the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from batch_platform.trading import answer
from batch_platform.trading.instants import day_start
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.store import Session

Line = dict[str, Any]


def export(context: TradingContext, campaign: str) -> list[bytes]:
    """The lines of a campaign, in the same order every time: what holds from the start, then the facts by time.

    Raises `NotFound`.
    """
    with context.store.snapshot() as session:
        exported = lines(session, campaign)
    return [written(line) for line in exported]


def lines(session: Session, name: str) -> list[Line]:
    """Values as their tables have them. Raises `NotFound`."""
    campaign = engine.campaign(session, name)
    number = campaign.number
    first = session.first_rates_day(number)
    funding = list(_funding(session.funding_rate_list(number), None if first is None else day_start(first)))
    facts = list(_facts(session, number))
    moments = [fact["at"] for fact in (*funding, *facts)]
    if campaign.last_at is not None and campaign.last_at > max(moments, default=campaign.last_at):
        # its last line said nothing that is kept; a tick without prices is none, but time goes on until it
        facts.append({"kind": "tick", "at": campaign.last_at, "prices": {}})
    begins = first if not moments else min(moments).astimezone(UTC).date()
    settings = {name: getattr(campaign, name) for name in ("swap_fee_bps", "perp_fee_bps")}
    return [{"kind": "settings", **settings}, *_rules(session, number, begins), *funding, *facts]


def written(line: Line) -> bytes:
    """One line of a file, without its end."""
    return json.dumps(answer.json_of(line), ensure_ascii=False).encode()


def _rules(session: Session, number: int, begins: date | None) -> Iterator[Line]:
    """Tokens, pools with their rates of the first day, and interest rates."""
    for token in session.given("tokens", number):
        yield {"kind": "token", **{name: value for name, value in token.items() if value is not None}}
    rates = {} if begins is None else session.rates_of_day(number, begins)
    for pool in session.given("pools", number):
        yield {"kind": "lst_pool", **pool, "exchange_rate": rates.get(pool["lst"], pool["exchange_rate"])}
    for rate in session.rate_list(number):
        since = rate.pop("since")
        yield {"kind": "interest_rate", **rate, "effective": since}


def _funding(rates: Iterable[Row], begins: datetime | None) -> Iterator[Line]:
    """Of those from before the first day only the one in force counts, from the day's start: no tick was earlier.

    A contest's first day is that of its first line, so an older rate would make liquid staking begin too early.
    """
    for token, of_token in groupby(rates, key=lambda rate: rate["token"]):
        kept: dict[datetime, Row] = {}
        for rate in of_token:
            at = rate["since"] if begins is None else max(rate["since"], begins)
            kept[at] = rate
        for at, rate in kept.items():
            yield {"kind": "funding_rate", "token": token, "rate": rate["rate"], "at": at}


def _facts(session: Session, number: int) -> Iterator[Line]:
    """By time; within a second users, flows, ticks, orders, snapshots, each as they came."""
    facts: list[Line] = [{"kind": "user", **row} for row in session.given("users", number)]
    facts += [{"kind": "flow", **row} for row in session.given("flows", number)]
    facts += [{"kind": "tick", **row} for row in session.given("ticks", number)]
    for row in session.given("orders", number):
        request = row.pop("request")
        facts.append({"kind": "order", **row, **request})
    facts += [{"kind": "snapshot", "at": at} for at in session.instants(number)]
    return iter(sorted(facts, key=lambda line: line["at"]))
