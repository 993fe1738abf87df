"""The crash proof as users run it: it finds nothing in the product, and it finds what is broken on purpose."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from batch_platform.btc import money, plan
from batch_platform.btc.model import HOUSE, Batch, Rounding
from batch_platform.btc.proof import Proof
from batch_platform.btc.proving.command import crash_proof, prove
from batch_platform.btc.proving.ground import Ground, own_ground
from batch_platform.btc.proving.play import BatchCase, Play
from batch_platform.btc.proving.scenarios import IN_THREADS
from batch_platform.btc.service import BtcContext, apply, draft
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import entries
from batch_platform.btc.store.batches import Batches
from batch_platform.btc.store.entries import Entries
from batch_platform.core.dynamodb import Requests
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, TransientFailure
from batch_platform.proving.cases import Wish, each_case
from batch_platform.proving.faults import AwsRequest, Mortal, Pause, Weather, WorkerKilled, disturbed
from batch_platform.proving.ground import sweep
from batch_platform.proving.suite import Verdict, attempt
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

QUICK = Wish(size=14, seed=1, kills=2, depth=0)
LONG = Wish(size=28, seed=1, kills=2, depth=1)
"""So many transactions in bad weather that some collide, whatever the threads do with the die."""


def verdict(settings: Settings, name: str, wish: Wish = QUICK) -> Verdict:
    [found] = crash_proof().verdicts(settings, wish, name)
    return found


# nothing differs


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", [one.name for one in IN_THREADS if one.name != "crash points"])
def test_a_quick_proof_finds_nothing(provisioned: Settings, name: str) -> None:
    found = verdict(provisioned, name)
    assert found.worst is None, found.worst
    assert found.cases >= 2
    if name in ("bad weather", "storms"):
        assert found.disturbances > 20


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.every_kill_point)])
@pytest.mark.parametrize("shape", [0, 1, 2], ids=["adds", "takes, over 16 shards", "a reversal"])
def test_each_write_of_a_batch_as_the_last_one(provisioned: Settings, shape: int, half: int) -> None:
    """Of a batch that adds, one that takes so much that some cannot pay, and a reversal."""
    wish = replace(QUICK, size=10, depth=1)
    scenario = replace(IN_THREADS[0], cases=lambda asked: IN_THREADS[0].cases(asked)[: shape + 1])
    with own_ground(provisioned) as ground:
        whole, *points = (case for case in each_case(ground, scenario, wish) if case.number == shape)
        undisturbed = attempt(ground, scenario, whole)
        assert undisturbed.differences == ()
        assert undisturbed.writes == len(points), "as many cases as writes"
        for case in points[half::2]:
            played = attempt(ground, scenario, case)
            assert played.differences == (), case.summary()
            assert played.writes == case.at


# what is broken on purpose is found

Break = Callable[[pytest.MonkeyPatch], None]


def recomputed_at_resume(patch: pytest.MonkeyPatch) -> None:
    """As the specification had it: the amounts are those of the balances of now."""

    def now(context: BtcContext, batch: Batch) -> pl.DataFrame:
        return draft.of_batch(context, batch).plan

    rows = SimpleNamespace(
        sealed=now, pending=lambda context, batch: plan.pending(now(context, batch)).select("user_id", "amount")
    )
    patch.setattr(apply, "draft", rows)


def unconditional_rows(patch: pytest.MonkeyPatch) -> None:
    whole = entries._Write._writes

    def writes(self: Any) -> list[Any]:
        made = whole(self)
        for one in made:
            one.get("Put", {}).pop("ConditionExpression", None)
        return made

    patch.setattr(entries._Write, "_writes", writes)


def rows_apart_from_balances(patch: pytest.MonkeyPatch) -> None:
    """The row in one transaction, the balance in the next."""
    whole = Requests.transact

    def transact(self: Requests, writes: Any, where: str) -> Any:
        rows = [one for one in writes if "Put" in one and "balances" not in one["Put"]["TableName"]]
        others = [one for one in writes if one not in rows]
        if not where.startswith("rows of") or not rows or not others:
            return whole(self, writes, where)
        reasons = whole(self, rows, where)
        return [one for reason in reasons for one in (reason, reason)] or whole(self, others, where) * 2

    patch.setattr(Requests, "transact", transact)


def balances_below_zero(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entries, "_ENOUGH", f"{entries._ENOUGH} OR balance < :least")


def failures_that_are_not_noted(patch: pytest.MonkeyPatch) -> None:
    whole = Entries.write
    patch.setattr(Entries, "write", lambda *a, **b: whole(*a, **{**b, "note_failures": False}))


def leases_nobody_keeps(patch: pytest.MonkeyPatch) -> None:
    whole = Batches.acquire

    def acquire(self: Batches, batch: Any, owner: str, **more: Any) -> Any:
        free = batch if batch.lease_owner is None else self.release(batch)
        return whole(self, free, owner, **more)

    patch.setattr(Batches, "acquire", acquire)


def collisions_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    whole = Requests.transact

    def transact(self: Requests, writes: Any, where: str) -> Any:
        reasons = whole(self, writes, where)
        collides = "TransactionConflict" in {one.code for one in reasons}
        users = where.startswith("rows of") and HOUSE not in str(writes)
        return [] if collides and users else reasons

    patch.setattr(Requests, "transact", transact)


def house_by_the_plan(patch: pytest.MonkeyPatch) -> None:
    """The house gives what was planned, not what was applied."""
    whole = apply._write_house
    patch.setattr(apply, "_write_house", lambda context, header, total: whole(context, header, total - 1))


def other_rounding(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "rounded", lambda exact, rounding: money.rounded(exact, Rounding.HALF_UP))


@pytest.mark.parametrize(
    ("broken", "name", "told"),
    [
        (recomputed_at_resume, "crash points", "in the ledger"),
        (unconditional_rows, "paused workers", "balance"),
        (rows_apart_from_balances, "crash points", "balance"),
        (balances_below_zero, "crash points", "failed"),
        (failures_that_are_not_noted, "crash points", "are not in the ledger though"),
        (house_by_the_plan, "shuffles", "house"),
        (other_rounding, "shuffles", "sealed row"),
        (leases_nobody_keeps, "paused workers", "was let in"),
        (collisions_taken_for_success, "bad weather", "are not in the ledger though"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_store_is_found(
    provisioned: Settings, monkeypatch: pytest.MonkeyPatch, broken: Break, name: str, told: str
) -> None:
    broken(monkeypatch)
    # without the product's own proof, the oracle's eyes alone
    monkeypatch.setattr(apply, "prove", lambda batch, *frames: Proof(batch.batch_id, batch.counters, 0, ()))
    wish = LONG if name == "bad weather" else QUICK
    found = verdict(provisioned, name, wish)
    assert found.worst is not None, "the proof has not seen it"
    assert told in "\n".join(found.worst.differences), found.worst
    assert found.worst.case.users < wish.size * 4


# the command

COMMAND = typer.Typer()
COMMAND.command()(prove)


def test_the_command_tells_each_scenario(provisioned: Settings, dynamodb: DynamoDBClient, s3: S3Client) -> None:
    before = dynamodb.list_tables()["TableNames"], [one["Name"] for one in s3.list_buckets()["Buckets"]]
    asked = ["--quick", "--scenario", "two workers", "--seed", "7", "--users", "5"]
    done = CliRunner().invoke(COMMAND, asked)
    assert done.exit_code == 0, done.output
    assert "2 cases, no satoshi differs (seed 7)" in done.stdout
    assert "two workers: 2 cases equal" in done.stderr
    answer = json.loads(CliRunner().invoke(COMMAND, [*asked, "--json"]).stdout)
    [told] = answer["scenarios"]
    assert (answer["ok"], answer["seed"], told["ok"], told["cases"], told["differences"]) == (True, 7, True, 2, [])
    # nothing of it is left, and what is the user's is as it was
    assert before == (dynamodb.list_tables()["TableNames"], [one["Name"] for one in s3.list_buckets()["Buckets"]])


def test_the_command_tells_the_smallest_case(provisioned: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    house_by_the_plan(monkeypatch)
    asked = ["--quick", "--scenario", "shuffles", "--seed", "7"]
    done = CliRunner().invoke(COMMAND, asked)
    assert done.exit_code == 1
    assert "shuffles differs; the smallest case: scenario shuffles, seed 7, users 1, rate 5" in done.stdout
    assert "again: batch-platform btc prove --scenario 'shuffles' --seed 7 --users 14 --quick" in done.stdout
    assert "no satoshi differs" not in done.stdout
    failed = CliRunner().invoke(COMMAND, [*asked, "--json"])
    answer = json.loads(failed.stdout)
    assert (failed.exit_code, answer["ok"]) == (1, False)
    assert answer["scenarios"][0]["smallest_failing_case"]["users"] == 1
    assert answer["scenarios"][0]["differences"]


def test_only_the_local_environment_is_proved(provisioned: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    production = provisioned.model_copy(update={"env": "prod"})
    with pytest.raises(Conflict, match="for the local environment, not for prod"), own_ground(production):
        pass
    monkeypatch.setenv("BATCH_PLATFORM_ENV", "dev")
    refused = CliRunner().invoke(COMMAND, ["--quick"])
    assert isinstance(refused.exception, Conflict)
    assert "not for dev" in refused.exception.message
    with pytest.raises(InvalidInput, match="scenario is one of: crash points, shuffles"):
        crash_proof().chosen("sunshine")


def test_tables_that_are_missing_are_named(provisioned: Settings) -> None:
    elsewhere = provisioned.having(BtcSettings(BTC_PROJECT="nowhere"))
    with pytest.raises(NotFound, match="nowhere-local-batch-operations does not exist: batch-platform provision"):
        Ground(elsewhere, "prove-missing").scratch.create()


def test_what_a_killed_proof_left_is_swept(provisioned: Settings, dynamodb: DynamoDBClient) -> None:
    left, mine = Ground(provisioned, "prove-4194305-ab"), Ground(provisioned, f"prove-{os.getpid()}-cd")
    left.scratch.create()
    mine.scratch.create()
    try:
        assert sweep(provisioned) == ["prove-4194305-ab"]
        there = set(dynamodb.list_tables()["TableNames"])
        assert not there & set(vars(left.tables).values())
        assert there >= set(vars(mine.tables).values())
    finally:
        mine.scratch.drop()


def test_tables_are_of_the_make_of_the_users(provisioned: Settings, dynamodb: DynamoDBClient) -> None:
    def make(table: str) -> Any:
        found = dynamodb.describe_table(TableName=table)["Table"]
        indexes = found.get("GlobalSecondaryIndexes", [])
        return found["KeySchema"], sorted((one["IndexName"], str(one["KeySchema"])) for one in indexes)

    with own_ground(provisioned) as ground:
        for name in vars(ground.tables).values():
            theirs = name.replace(ground.table_prefix, provisioned.of(BtcSettings).table_prefix)
            assert make(name) == make(theirs), name


# faults


@pytest.mark.parametrize("after", [True, False])
def test_a_mortal_worker_asks_nothing_after_its_death(provisioned: Settings, after: bool) -> None:
    with own_ground(provisioned) as ground:
        play = Play(ground, BatchCase("test", 1, users=3))
        mortal = Mortal(1, after=after)
        context = play.worker(hazard=mortal)
        with pytest.raises(WorkerKilled):
            play.begin(context)
        assert len(ground.batches()) == (1 if after else 0)
        with pytest.raises(WorkerKilled):
            context.store.batches.open_batch_id()
        assert mortal.writes == 1


def test_a_pause_lets_nothing_pass(provisioned: Settings, dynamodb: DynamoDBClient) -> None:
    pause = Pause(1)
    assert not pause.stopped(0)
    pause.resume()
    assert pause.around(AwsRequest(dynamodb, "list_tables", {}))["TableNames"]
    waiting = Pause(2)
    client = disturbed(dynamodb, waiting)
    assert client.describe_table(TableName="batch-platform-local-users")["Table"]


def test_bad_weather_is_the_same_for_a_seed(provisioned: Settings) -> None:
    def met(seed: int) -> tuple[set[str], int]:
        told = set()
        with own_ground(provisioned) as ground:
            play = Play(ground, BatchCase("test", 1, users=6))
            weather = Weather(Random(seed), one_in=2)
            context = play.worker(hazard=weather)
            batches, accounts = context.store.batches, context.store.accounts
            for _ in range(30):
                try:
                    batches.open_batch_id()
                    accounts.balances(play.books.balances)
                except TransientFailure as failure:
                    told.add(str(failure.message).replace(ground.table_prefix, "prove"))
            return told, weather.struck

    first = met(3)
    assert first == met(3)
    assert {one.split(":")[0] for one in first[0]} == {"batch lock#btc_adjustment", "table prove-local-balances"}
