"""The assets and schedules of trading as Dagster runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets as kit_assets
from batch_platform.local.price_server.server import PriceServer
from batch_platform.operations.model import JOB_TAG, RANGE_END_TAG, RANGE_START_TAG, JobParameters
from batch_platform.registry import build_registry
from batch_platform.resources.cron import due_after
from batch_platform.settings import Settings
from batch_platform.trading import jobs
from batch_platform.trading.cadence import due_ticks
from batch_platform.trading.dagster import assets
from batch_platform.trading.service import TradingContext, invariants, verify
from batch_platform_tests.conftest import make_home
from batch_platform_tests.trading.dagster_tools import (
    DAYS,
    HOURS,
    TICK,
    Staged,
    checks,
    ran,
    repository,
    run_requests,
    shown,
)
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading.market import Traded, price_server, trade

KEY = jobs.INSTANT_KEY
HOUR = timedelta(hours=1)
TABLES = (
    "ticks",
    "price_ticks",
    "postings",
    "user_balances",
    "orders",
    "perp_positions",
    "interest_index",
    "lst_rates",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with price_server() as server:
        yield server


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def kept_instance() -> Iterator[dg.DagsterInstance]:
    """For schedules that look at the instance: they open it anew, from where it is kept."""
    home = make_home("dagster")
    yield dg.DagsterInstance.local_temp(str(home))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def market(trading: TradingContext, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Traded]:
    """The only live campaign."""
    with trading.store.transaction() as session:
        session.connection.execute("UPDATE campaigns SET kind = 'loaded' WHERE kind = 'live'")
    with trade(trading, server) as traded:
        monkeypatch.setattr(Staged, "traded", traded)
        yield traded


@pytest.fixture
def traded(market: Traded) -> Traded:
    """With two players and its first tick."""
    begun(market)
    return market


def begun(market: Traded) -> None:
    market.live.join("ann", "bob")
    market.live.clock.pass_by(seconds=5)
    market.live.tick()


def bytes_of(traded: Traded, *tables: str) -> list[tuple[Any, ...]]:
    """All rows of tables, as the database writes them."""
    with traded.context.store.snapshot() as session:
        return [
            row
            for table in tables
            for row in session.connection.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1").fetchall()
        ]


def test_a_run_is_the_tick_of_ten_minutes_with_all_that_follows(traded: Traded, instance: dg.DagsterInstance) -> None:
    traded.live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1.5"})
    position = traded.live.place("bob", "perp_open", token="SOL", collateral="100", leverage=20, direction="long")
    window = START + timedelta(minutes=10)
    traded.live.clock.now = window + timedelta(seconds=2)
    ended = ran(instance, TICK, window.strftime(KEY))
    assert ended.success
    assert checks(ended) == dict.fromkeys([*invariants.LEDGER, *invariants.INDEX], True)
    [prices] = shown(ended, TICK[0])
    assert (prices["ticks"], prices["filled"], prices["dagster/row_count"]) == (1, 2, 4)
    assert "data:image/png;base64," in prices["prices of a day"]
    assert [row.data["token"] for row in prices["prices"].records] == ["SOL", "USDC", "WIF", "jSOL"]
    # again it is the same tick, and nothing moves
    before = bytes_of(traded, *TABLES)
    traded.cost(SOL="150")
    assert ran(instance, TICK, window.strftime(KEY)).success
    assert bytes_of(traded, *TABLES) == before
    # the next one liquidates
    traded.live.clock.now = window + timedelta(minutes=10, seconds=2)
    ended = ran(instance, TICK, (window + timedelta(minutes=10)).strftime(KEY))
    [liquidated] = shown(ended, TICK[1])
    assert liquidated["dagster/row_count"] == 1
    query = (
        "SELECT p.id FROM perp_positions AS p JOIN users USING (user_no) WHERE campaign_no = %(no)s AND p.status = "
    )
    assert traded.rows(query + "'liquidated'") == [{"id": position["id"]}]


def test_a_source_that_fails_fails_the_run_and_changes_nothing(
    traded: Traded, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = replace(STANDARD_RETRY, base_delay=timedelta(milliseconds=1), max_delay=timedelta(milliseconds=1))
    monkeypatch.setattr(kit_assets, "STANDARD_RETRY", soon)
    traded.spoil("status")
    before = bytes_of(traded, *TABLES)
    window = START + timedelta(minutes=20)
    traded.live.clock.now = window + timedelta(seconds=2)
    ended = ran(instance, TICK[:1], window.strftime(KEY))
    assert not ended.success
    assert bytes_of(traded, *TABLES) == before
    assert sum(event.is_step_up_for_retry for event in ended.all_events) == STANDARD_RETRY.max_attempts - 1
    [failure] = [event.step_failure_data for event in ended.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == f"no tick of {traded.live.name} (jupiter http_503)"


def test_missed_ticks_are_not_invented(traded: Traded, instance: dg.DagsterInstance) -> None:
    before = bytes_of(traded, *TABLES)
    traded.live.clock.pass_by(hours=26)
    first, last = START + timedelta(minutes=10), START + timedelta(hours=26)
    assert ran(instance, TICK, first.strftime(KEY), (last - timedelta(minutes=10)).strftime(KEY)).success
    assert bytes_of(traded, *TABLES) == before
    schedule = f"{jobs.PRICES}_schedule"
    assert run_requests(instance, schedule, last - timedelta(minutes=10)) == []
    [request] = run_requests(instance, schedule, last)
    assert (request.job_name, request.partition_key) == (jobs.PRICES, last.strftime(KEY))
    assert request.tags[JOB_TAG] == "price-update"


def test_ticks_are_scheduled_as_the_cadence_says(settings: Settings) -> None:
    [job] = [job for job in build_registry(settings) if job.name == "price-update"]
    end = START + timedelta(days=2)
    due = [
        takewhile(lambda at: at < end, due_after(schedule.cron, START - timedelta(seconds=1), ZoneInfo("UTC")))
        for schedule in job.schedules
    ]
    assert sorted(chain(*due)) == list(due_ticks(START, end))


def test_after_26_hours_what_was_missed_is_asked_for_in_one_run_each_and_in_order(
    market: Traded, kept_instance: dg.DagsterInstance
) -> None:
    instance = kept_instance
    live = market.live
    live.clock.now = datetime(2026, 11, 12, 21, 30, tzinfo=UTC)
    begun(market)
    live.place("ann", "stake", token="SOL", amount="7")
    live.place("ann", "liquid_stake", token="SOL", amount="2")
    now = datetime(2026, 11, 15, 1, tzinfo=UTC)
    stopped = now - timedelta(hours=26)
    live.clock.now = stopped - timedelta(minutes=10)
    live.tick()
    live.clock.now = stopped + timedelta(seconds=3)
    for job, at, selected in ((jobs.SNAPSHOTS, stopped, HOURS), (jobs.INTEREST, stopped.replace(hour=0), DAYS)):
        [request] = run_requests(instance, f"{job}_schedule", at)
        assert ran(instance, selected, *_range(request)).success
    # the daemon comes back, after a tick of somebody who looked has accrued the days already
    live.clock.now = now + timedelta(seconds=3)
    live.tick()
    [hours] = run_requests(instance, f"{jobs.SNAPSHOTS}_schedule", now)
    [days] = run_requests(instance, f"{jobs.INTEREST}_schedule", now.replace(hour=0))
    [weeks] = run_requests(instance, f"{jobs.RETENTION}_schedule", now)
    assert _range(hours) == ((stopped + HOUR).strftime(KEY), now.strftime(KEY))
    assert _range(days) == ("2026-11-13", "2026-11-14")
    assert _range(weeks) == ("2026-11-15", None)
    before = bytes_of(market, "ticks")
    for selected, request in ((HOURS, hours), (DAYS, days), ([assets.snapshot_retention], weeks)):
        ended = ran(instance, selected, *_range(request))
        assert ended.success
        keys = [one.partition for one in ended.asset_materializations_for_node(selected[0].op.name)]
        assert keys == sorted(keys)
    assert bytes_of(market, "ticks") == before
    instants = market.rows("SELECT at FROM snapshot_instants WHERE campaign_no = %(no)s ORDER BY at")
    assert [row["at"] for row in instants] == [now - HOUR * index for index in reversed(range(52))]
    # nothing is left, and all is as a replay of the facts has it
    for job in (jobs.SNAPSHOTS, jobs.INTEREST, jobs.RETENTION):
        assert run_requests(instance, f"{job}_schedule", now) == []
    assert verify.verify(market.context, live.name).differences == []


def _range(request: dg.RunRequest) -> tuple[str, str | None]:
    """Its first and last partition, or its only one."""
    if request.partition_key is not None:
        return request.partition_key, None
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


def test_weeks_that_were_skipped_are_thinned_together(traded: Traded, instance: dg.DagsterInstance) -> None:
    traded.live.clock.now = datetime(2026, 11, 29, 1, 0, 3, tzinfo=UTC)
    assert ran(instance, HOURS, (START + HOUR).strftime(KEY), (START + 3 * HOUR).strftime(KEY)).success
    [request] = run_requests(instance, f"{jobs.RETENTION}_schedule", traded.live.clock.now.replace(second=0))
    assert _range(request) == ("2026-11-15", "2026-11-29")
    assert ran(instance, [assets.snapshot_retention], *_range(request)).success
    assert run_requests(instance, f"{jobs.RETENTION}_schedule", traded.live.clock.now) == []


def test_a_backfill_of_hours_again_gives_the_same_bytes(traded: Traded, instance: dg.DagsterInstance) -> None:
    traded.live.clock.now = START + timedelta(minutes=30)
    traded.cost(SOL="171.3")
    traded.fetch()
    traded.live.clock.now = START + 5 * HOUR
    first, last = ((START + index * HOUR).strftime(KEY) for index in (1, 4))
    ended = ran(instance, HOURS, first, last)
    assert ended.success
    assert checks(ended) == dict.fromkeys([*invariants.LEDGER, *invariants.VALUED], True)
    boards = shown(ended, assets.leaderboard)
    assert [board["dagster/row_count"] for board in boards] == [2, 0, 0, 0]
    assert boards[0]["board"].records[0].data["pnl_percentage"] == "4.80851064"
    assert "data:image/png;base64," in boards[0]["profits"]
    tables = "portfolio_snapshots", "incomplete_snapshots", "snapshot_instants"
    before = bytes_of(traded, *tables)
    traded.fetch()
    for again in ((first, last), (first, None), ((START + 3 * HOUR).strftime(KEY), last)):
        assert ran(instance, HOURS, *again).success
    assert bytes_of(traded, *tables) == before


def test_no_board_is_made_of_books_that_do_not_add_up(traded: Traded, instance: dg.DagsterInstance) -> None:
    with traded.context.store.transaction() as session:
        session.connection.execute("UPDATE user_balances SET balance = balance + 1 WHERE balance = 900")
    traded.live.clock.now = START + HOUR + timedelta(seconds=2)
    ended = ran(instance, HOURS, (START + HOUR).strftime(KEY))
    assert not ended.success
    assert checks(ended) == {"zero_sum": False, "no_negative_balance": True, "everybody_valued": True}
    assert shown(ended, assets.leaderboard) == []


def test_everybody_is_granted_once(traded: Traded, instance: dg.DagsterInstance) -> None:
    name = traded.live.name
    with traded.context.store.transaction() as session:
        campaign = session.campaign(name)
        assert campaign is not None
        at = traded.live.clock()
        row = {"id": "late", "username": "late", "wallet_address": "late", "at": at}
        session.add_users(campaign["campaign_no"], [row])
    instance.add_dynamic_partitions(jobs.CAMPAIGNS, [name])
    runs = [ran(instance, [assets.initial_distribution], name) for _ in range(2)]
    assert [shown(ended, assets.initial_distribution)[0]["dagster/row_count"] for ended in runs] == [1, 0]
    assert traded.live.balances("late") == {"SOL": "12", "USDC": "900"}


def test_rates_are_fetched_once_in_eight_hours(traded: Traded, instance: dg.DagsterInstance) -> None:
    resources = {"trading": Staged(postgres=None)}
    job = repository().get_job(jobs.FUNDING)
    for _ in range(2):
        assert job.execute_in_process(instance=instance, resources=resources).success
    assert (
        len(traded.rows("SELECT rate FROM funding_rates JOIN tokens USING (token_no) WHERE campaign_no = %(no)s"))
        == 1
    )
    assert len(run_requests(instance, f"{jobs.FUNDING}_schedule", START + 8 * HOUR)) == 1


@pytest.mark.parametrize(
    ("job", "parameters", "said"),
    [
        ("price-update", {}, "3 tokens would be asked for, for the tick of 2026-11-13-00:00"),
        ("daily-interest", {"targetDate": "2026-11-11"}, "3 days would be accrued, up to 2026-11-11"),
        ("funding-rate", {}, "1 perpetual futures would be asked for"),
        ("portfolio-snapshot", {}, "2 players would be valued"),
        ("snapshot-retention", {}, "0 snapshots would go"),
        ("initial-distribution", {}, "0 players would be granted"),
    ],
)
def test_dry_runs_say_what_would_be_done_and_write_nothing(
    traded: Traded, instance: dg.DagsterInstance, settings: Settings, job: str, parameters: dict[str, Any], said: str
) -> None:
    traded.live.clock.now = START + timedelta(days=4, minutes=3)
    before = bytes_of(traded, *TABLES)
    entry = build_registry(settings).get(job)
    more = {"campaign": traded.live.name} if job == "initial-distribution" else {}
    given = entry.parameters.model_validate_json(json.dumps({"dryRun": True, **parameters, **more}))
    launch = entry.launch(traded.context.pool, given, traded.live.clock())
    ended = (
        repository()
        .get_job(launch.job)
        .execute_in_process(
            instance=instance, resources={"trading": Staged(postgres=None)}, run_config=dict(launch.config)
        )
    )
    [output] = [event.step_output_data for event in ended.all_events if event.is_successful_output]
    assert output.metadata["summary"].value == said
    assert bytes_of(traded, *TABLES) == before


@pytest.mark.parametrize(
    ("job", "parameters", "launched"),
    [
        ("price-update", {}, "2026-11-13-12:30"),
        ("daily-interest", {}, "2026-11-12"),
        ("portfolio-snapshot", {}, "2026-11-13-12:00"),
        ("portfolio-snapshot", {"targetDate": "2026-11-11", "hour": 7}, "2026-11-11-07:00"),
        ("portfolio-snapshot", {"targetDate": "2026-11-11"}, ("2026-11-11-00:00", "2026-11-11-23:00")),
        ("portfolio-snapshot", {"targetDate": "2026-11-13"}, ("2026-11-13-00:00", "2026-11-13-12:00")),
        ("portfolio-snapshot", {"targetDate": "2026-11-13", "hour": 13}, "the hour 13:00 has not come yet"),
        ("portfolio-snapshot", {"hour": 3}, "an hour needs its date"),
        ("daily-interest", {"targetDate": "2026-11-13"}, "outside the days 2026-01-01 to 2026-11-12"),
        ("snapshot-retention", {}, "2026-11-08"),
        ("snapshot-retention", {"targetDate": "2026-11-09"}, "2026-11-09 is not a Sunday"),
        ("initial-distribution", {"campaign": "spring"}, "spring"),
    ],
)
def test_what_people_ask_for_is_the_run_of_its_partitions(
    settings: Settings, job: str, parameters: dict[str, Any], launched: Any
) -> None:
    entry = build_registry(settings).get(job)
    given: JobParameters = entry.parameters.model_validate_json(json.dumps(parameters))
    now = datetime(2026, 11, 13, 12, 34, tzinfo=UTC)
    if isinstance(launched, str) and " " in launched:
        with pytest.raises(InvalidInput, match=launched):
            entry.launch(None, given, now)  # type: ignore[arg-type]  # which it does not need
    else:
        launch = entry.launch(None, given, now)  # type: ignore[arg-type]
        assert launched in (launch.partition, launch.partition_range)
