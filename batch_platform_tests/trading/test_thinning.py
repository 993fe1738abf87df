"""Thinning in the database against the pure rule, charts before and after it, and rows made again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.trading import answer, series
from batch_platform.trading import retention as rule
from batch_platform.trading.instants import day_start
from batch_platform.trading.series import Period
from batch_platform.trading.service import TradingContext, boards, contests, retention, snapshots
from batch_platform.trading.service.pnl import pnl
from batch_platform.trading.service.verify import verify
from batch_platform.trading.store import Session
from batch_platform_tests.trading.contests import TINY, Size, contest, written
from batch_platform_tests.trading.live import START, make_live

SUNDAY = date(2026, 11, 15)
WEEKS = [SUNDAY + timedelta(weeks=weeks) for weeks in range(4)]
EXAMPLE = (Path(__file__).parent / "data" / "example.jsonl").read_text()

Load = Callable[[str], str]
Rows = list[tuple[str, datetime]]


def history(random: Random) -> Rows:
    """Rows of three players, mostly on the days at which the rules change."""
    ages = [random.choice([0, 8, 16, 29, 30, 31, 37, 45, 60, 89, 90, 91, 97, 104, 140]) for _ in range(150)]
    moments = [day_start(SUNDAY) - timedelta(days=age) + timedelta(seconds=random.randrange(86_400)) for age in ages]
    moments += [day_start(SUNDAY) - timedelta(days=days) for days in (30, 90)]
    return sorted({(random.choice("abc"), at) for at in moments})


@pytest.fixture
def campaign_of(trading: TradingContext) -> Callable[[Rows], str]:
    """A campaign with nothing but snapshots."""

    def make(rows: Rows) -> str:
        name = f"history-{uuid4().hex}"
        with trading.store.transaction() as session:
            number = session.add_campaign(name=name, kind="loaded")
            assert number is not None
            people = [
                {"id": who, "username": who, "wallet_address": who, "at": day_start(SUNDAY)}
                for who in ("a", "b", "c")
            ]
            users = session.add_users(number, people)
            for day in {at.date() for _, at in rows}:
                session.make_partition(day)
            values = [(users[who], number, at) for who, at in rows]
            with session.connection.cursor() as cursor:
                cursor.executemany("INSERT INTO portfolio_snapshots VALUES (%s, %s, %s, 1, 0, 0, 0, 0, 1)", values)
                cursor.executemany(
                    "INSERT INTO snapshot_instants VALUES (%s, %s)", [(number, at) for at in {at for _, at in rows}]
                )
        return name

    return make


def rows_of(trading: TradingContext, name: str) -> Rows:
    return sorted((row["user"], row["at"]) for row in boards.snapshots(trading, name))


@pytest.mark.parametrize("seed", range(4))
def test_the_rows_that_stay_are_those_of_the_pure_rule(
    trading: TradingContext, campaign_of: Callable[[Rows], str], seed: int
) -> None:
    rows = history(Random(seed))
    weekly, once = campaign_of(rows), campaign_of(rows)
    left = rows
    for week in WEEKS:
        tried = retention.prune(trading, week, campaign=weekly, dry_run=True)
        assert rows_of(trading, weekly) == left
        done = retention.prune(trading, week, campaign=weekly)
        assert rows_of(trading, weekly) == rule.kept(left, week) == rule.kept(rows, week)
        assert tried.removed == done.removed == len(left) - len(rows_of(trading, weekly))
        left = rule.kept(left, week)
    retention.prune(trading, WEEKS[-1], campaign=once)
    assert rows_of(trading, once) == left
    for week in (WEEKS[-1], WEEKS[0]):
        assert retention.prune(trading, week, campaign=once).removed == 0


def test_a_thinning_that_dies_on_its_way_has_done_nothing(
    trading: TradingContext, campaign_of: Callable[[Rows], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = history(Random(9))
    name = campaign_of(rows)
    with monkeypatch.context() as patch:
        thin, days = Session.thin_day, list[date]()

        def dies(self: Session, number: int, day: date, bucket: timedelta) -> int:
            days.append(day)
            if len(days) == 3:
                raise KeyboardInterrupt
            return thin(self, number, day, bucket)

        patch.setattr(Session, "thin_day", dies)
        with pytest.raises(KeyboardInterrupt):
            retention.prune(trading, SUNDAY, campaign=name)
    assert rows_of(trading, name) == rows
    retention.prune(trading, SUNDAY, campaign=name)
    assert rows_of(trading, name) == rule.kept(rows, SUNDAY)


def test_a_live_campaign_is_not_thinned_ahead_of_time(trading: TradingContext) -> None:
    live = make_live(trading)
    [done] = retention.prune(live.context, START.date() + timedelta(days=400), campaign=live.name).campaigns
    assert done.date == START.date()


def test_days_that_hold_nothing_lose_their_partition(trading: TradingContext) -> None:
    day = date(2019, 3, 3)
    with trading.store.transaction() as session:
        session.make_partition(day)
    live = make_live(trading)
    assert retention.prune(live.context, day + timedelta(days=30), campaign=live.name).partitions == []
    dropped = retention.prune(live.context, day + timedelta(days=31), campaign=live.name).partitions
    assert dropped == ["portfolio_snapshots_20190303"]
    with trading.store.transaction() as session:  # whoever was slower finds it gone
        assert not session.drop_if_empty("portfolio_snapshots_20190303")


@pytest.mark.parametrize("seed", range(2))
def test_thinning_and_charts_commute(trading: TradingContext, campaign_of: Callable[[Rows], str], seed: int) -> None:
    """Buckets of a chart hold whole buckets of the thinning, so but for its first row a chart stays as it was."""
    name = campaign_of(history(Random(seed)))
    now = day_start(SUNDAY)

    def charts() -> dict[Period, list[series.Point]]:
        return {period: pnl(trading, name, "a", period, at=now).points for period in Period}

    before = charts()
    retention.prune(trading, SUNDAY, campaign=name)
    after = charts()
    for period in (Period.DAY, Period.WEEK, Period.MONTH):
        assert after[period] == before[period]
    for period in (Period.QUARTER, Period.YEAR):
        assert after[period][1:] == before[period][1:] or after[period] == before[period][1:]


def taken(trading: TradingContext, name: str) -> dict[tuple[str, datetime], dict[str, Any]]:
    return {(row["user"], row["at"]): row for row in boards.snapshots(trading, name)}


@pytest.mark.parametrize("days", [60, 200], ids=["three-hours", "days"])
def test_an_old_instant_made_again_is_the_same_rows(trading: TradingContext, loaded: Load, days: int) -> None:
    lines = written(contest(Random(8), TINY))
    name = loaded(lines)
    before = taken(trading, name)
    last = max(at for _, at in before)
    retention.prune(trading, last.date() + timedelta(days=days), campaign=name)
    left = taken(trading, name)
    assert left.items() < before.items()
    for at in sorted({at for _, at in before}):
        snapshots.take(trading, name, at)
        assert taken(trading, name) == left


def test_an_instant_that_was_missed_comes_in_later_with_the_same_rows(trading: TradingContext, loaded: Load) -> None:
    """Those after it build on it, and are made again."""
    lines = EXAMPLE.splitlines()
    missed = next(line for line in lines if '"snapshot"' in line and "T06:00:00Z" in line)
    name = loaded("\n".join(line for line in lines if line != missed))
    expected = contests.replay(trading, EXAMPLE.encode().splitlines())["snapshots"]
    assert [answer.snapshot(row) for row in boards.snapshots(trading, name)] != expected
    snapshots.take(trading, name, datetime(2026, 11, 9, 6, tzinfo=UTC))
    assert [answer.snapshot(row) for row in boards.snapshots(trading, name)] == expected


def test_nobody_is_valued_at_an_instant_to_come(trading: TradingContext) -> None:
    live = make_live(trading)
    live.clock.pass_by(hours=1)
    with pytest.raises(InvalidInput, match="2026-11-09T01:00:00Z has not passed"):
        snapshots.take(live.context, live.name, START + timedelta(hours=1))
    live.clock.pass_by(seconds=1)
    assert snapshots.take(live.context, live.name, START + timedelta(hours=1)).players == 0


GAPS = Size(players=4, days=1, gaps=4, odd_ticks=5)


def reasons_of(trading: TradingContext, name: str) -> Rows:
    with trading.store.snapshot() as session:
        number = (session.campaign(name) or {})["campaign_no"]
        return sorted((row["user"], row["at"]) for row in session.incomplete(number))


@pytest.mark.parametrize(("days", "period"), [(60, Period.MONTH), (200, Period.QUARTER)], ids=["three-hours", "days"])
def test_why_there_was_no_row_goes_where_a_later_one_stays(
    trading: TradingContext, loaded: Load, days: int, period: Period
) -> None:
    """Charts stay as they were, boards too (`test_boards`), and so does what a replay comes to."""
    name = loaded(written(contest(Random(4), GAPS)))
    rows, reasons = rows_of(trading, name), reasons_of(trading, name)
    last = max(at for _, at in rows)
    day = last.date() + timedelta(days=days)
    users = sorted({user for user, _ in rows})

    def charts() -> dict[str, list[tuple[datetime, Any]]]:
        shown = {user: pnl(trading, name, user, period, at=last).points for user in users}
        return {user: [(point.at, point.value) for point in points] for user, points in shown.items()}

    before = charts()
    retention.prune(trading, day, campaign=name)
    left = reasons_of(trading, name)
    assert left == rule.kept_reasons(reasons, rows, day)
    assert 0 < len(left) < len(reasons)
    for user, points in charts().items():  # the first row of all need not be one that stays
        assert points[1:] in (before[user][1:], before[user][2:])
    assert verify(trading, name).differences == []


def test_what_sources_answered_goes_after_thirty_days(trading: TradingContext) -> None:
    live = make_live(trading)
    live.clock.pass_by(days=40)
    day = live.clock.now.date()
    with trading.store.transaction() as session:
        campaign = session.campaign(live.name) or {}
        token = session.tokens(campaign["campaign_no"])[0]["token_no"]
        for age, fetches in ((31, 2), (30, 1), (1, 1)):
            at = day_start(day) - timedelta(days=age)
            refusals = [
                {"token_no": token, "at": at, "source": source, "reason": "jump", "price_usd": "1"}
                for source in ("jupiter", "of no look")
            ]
            session.add_fetches(
                campaign["campaign_no"],
                at=at,
                kind="refresh",
                fetches=[{"source": f"jupiter{'' if n == 0 else n}", "accepted": 1} for n in range(fetches)],
                refusals=refusals,
                tick_at=None,
            )

    def left() -> tuple[int, int]:
        with trading.store.snapshot() as session:
            number = campaign["campaign_no"]
            looks = "SELECT count(*) FROM price_fetches WHERE campaign_no = %s"
            refused = "SELECT count(*) FROM refused_prices JOIN tokens USING (token_no) WHERE campaign_no = %s"
            [[of_looks]] = session.connection.execute(looks.encode(), [number]).fetchall()
            [[of_prices]] = session.connection.execute(refused.encode(), [number]).fetchall()
            return of_looks, of_prices

    assert left() == (4, 6)
    [tried] = retention.prune(live.context, day, campaign=live.name, dry_run=True).campaigns
    assert (tried.looks, left()) == (2, (4, 6))
    [done] = retention.prune(live.context, day, campaign=live.name).campaigns
    assert (done.looks, left()) == (2, (2, 4))
    [again] = retention.prune(live.context, day, campaign=live.name).campaigns
    assert again.looks == 0
