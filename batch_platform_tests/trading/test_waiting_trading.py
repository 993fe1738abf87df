"""The begin and the end of a competition, as operations lists them."""

from __future__ import annotations

from datetime import timedelta

from batch_platform.operations.waiting import Waiting
from batch_platform.trading.service import TradingContext
from batch_platform.trading.waiting import LEAD, WAITING
from batch_platform.web.access.model import Role
from batch_platform_tests.trading.live import START, Live, make_live
from batch_platform_tests.waiting_rows import reader, waits


def rows(live: Live, name: str) -> list[Waiting]:
    who = reader("local:ada", Role.ADMINISTRATOR)
    return [
        row for row in waits(live.context.pool, WAITING, live.clock(), who).get(name, []) if row.subject == live.name
    ]


def test_a_competition_ends_with_its_orders(trading: TradingContext) -> None:
    end = START + timedelta(days=7)
    live = make_live(trading, ends_at=end)
    live.join("ann", "ben")
    [row] = rows(live, "trading-end")
    assert (row.until, row.what) == (end, f"{live.name}: players: 2, orders that wait: 0")
    assert (str(row.then), row.of.lead) == ("nothing is traded any more, and orders that wait expire", LEAD)
    assert [row.may_decide(reader("local:a", role)) for role in (Role.OPERATOR, Role.ADMINISTRATOR)] == [False, True]
    live.clock.pass_by(days=8)
    assert rows(live, "trading-end") == []


def test_a_competition_that_is_to_begin(trading: TradingContext) -> None:
    live = make_live(trading)
    start = START + timedelta(days=3)
    with live.context.store.transaction() as session:
        session.connection.execute("UPDATE campaigns SET starts_at = %s WHERE name = %s", [start, live.name])
    [row] = rows(live, "trading-begin")
    assert (row.until, rows(live, "trading-end")) == (start, [])
    live.clock.pass_by(days=3)
    assert rows(live, "trading-begin") == []
