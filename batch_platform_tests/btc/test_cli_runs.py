"""`batch-platform btc`: batches applied by runs of its own, followed, interrupted, killed, proved and reversed."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from batch_platform import cli
from batch_platform.btc import opening, service
from batch_platform.btc.jobs import ADJUSTMENT, BATCH_TAG, BATCHES
from batch_platform.btc.model import Batch
from batch_platform.btc.money import btc_text
from batch_platform.btc.service import BtcContext, apply
from batch_platform.btc.settings import BtcSettings
from batch_platform.core import postgres
from batch_platform.definitions import build_definitions
from batch_platform.operations.dagster.launch import Launcher, RunResult
from batch_platform.operations.model import JOB_TAG, PARAMETERS_TAG, REQUESTED_BY_TAG
from batch_platform.settings import Settings, load_settings
from batch_platform_tests.btc.cli_shell import AS_KEI, Shell, accounts, shell
from batch_platform_tests.btc.service_tools import approved
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from batch_platform.btc.store import Tables

__all__ = ["accounts", "shell"]

ADJUST = ("adjust", "--rate", "5", "--memo", "November")
CHECKS = ["hash_equal", "counters", "each_user_once", "amounts_equal", "zero_sum", "no_negative", "satoshi"]


LAUNCHERS: list[Launcher] = []


@pytest.fixture(autouse=True)
def one_launcher(monkeypatch: pytest.MonkeyPatch, shell: Shell) -> None:
    """The definitions are loaded once for all commands of these tests, whose settings name the same tables."""

    def launcher(settings: Settings) -> Launcher:
        if not LAUNCHERS:
            LAUNCHERS.append(Launcher(build_definitions(settings)))
        LAUNCHERS[0].end_dead_runs()
        return LAUNCHERS[0]

    monkeypatch.setattr(cli, "PLATFORM", replace(cli.PLATFORM, launcher=launcher))


def balances(shell: Shell) -> dict[str, Decimal]:
    return {row["user_id"]: Decimal(row["balance"]) for row in shell("balances", "--format", "csv").csv}


def runs(batch_id: str) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.get() as instance:
        return list(instance.get_runs(dg.RunsFilter(tags={BATCH_TAG: batch_id})))


def test_a_batch_is_applied_proved_and_taken_back(shell: Shell) -> None:
    shell.seeded(60)
    before = balances(shell)
    done = shell.json(*ADJUST, "--approve", *AS_KEI)
    own = done["batch_id"]
    assert done["status"] == "completed"
    counted = [done[f"{name}_count"] for name in ("target_user", "processed_user", "skipped_zero", "failed_user")]
    assert counted[0] == sum(counted[1:])
    assert done["applied_sum"] == done["plan_sum"]
    assert (done["proof"]["ok"], [one["name"] for one in done["proof"]["checks"]]) == (True, CHECKS)
    rows = shell("plan", own, "--format", "csv").csv
    assert {row["state"] for row in rows} == {"applied", "excluded", "skipped_zero"}
    after = balances(shell)
    for row in rows:
        assert after[row["user_id"]] == before[row["user_id"]] + Decimal(row["amount"]), row
    assert after["house"] == -Decimal(done["plan_sum"])
    [run] = runs(own)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert run.tags["dagster/partition"] == own
    assert run.tags[REQUESTED_BY_TAG] == "local:kei"
    # as a page, a route or `jobs run` would have asked for it
    assert (run.tags[JOB_TAG], json.loads(run.tags[PARAMETERS_TAG])["batchId"]) == (ADJUSTMENT, own)
    with postgres.transaction(shell.pool) as connection:
        kept = connection.execute(
            "SELECT job, status FROM operations.job_runs WHERE run_id = %s", [run.run_id]
        ).fetchall()
    assert kept == [(ADJUSTMENT, "success")]
    with dg.DagsterInstance.get() as instance:
        assert own in instance.get_dynamic_partitions(BATCHES)

    assert f"batch {own} is completed: nothing to apply" in shell("resume", own, *AS_KEI).failed(2)
    assert shell.json("rollback", own, "--dry-run", *AS_KEI)["plan_sum"] == f"-{done['plan_sum']}"
    planned = shell.json("rollback", own, "--memo", "wrong rate", *AS_KEI)
    assert (planned["status"], planned["reverses"], planned["adjustment_rate"]) == ("planned", own, -5)
    seen = ("--count", str(planned["target_user_count"]), "--sum", planned["plan_sum"], "--hash")
    shell.patch.setenv("BTC_WRITE_UNITS", "10000")
    told = shell("approve", planned["batch_id"], *seen, planned["plan_sha256"], *AS_KEI).out
    assert f"batch {planned['batch_id']} is completed, -5 %, reverses {own}: wrong rate" in told
    assert told.endswith("proof: equal\n")
    assert balances(shell) == before
    assert "is reversed by" in shell("rollback", own, *AS_KEI).failed(2)
    shown = shell.json("show", own)
    assert shown["operation"]["reversed_by"] == planned["batch_id"]
    assert len(shown["transactions"]) == 20
    types = [row["transaction_type"] for row in shell.json("history", "user-0000003")]
    assert types == ["btc_adjustment", "btc_adjustment", "deposit"]
    verified = shell.json("verify")
    assert (verified["ok"], len(verified["batches"]), verified["balances"]["ok"]) == (True, 2, True)
    assert shell("verify", own).out.endswith("all equal\n")
    assert shell.json("proof", own)["ok"]


DYING = """
import os, signal, sys
from batch_platform import cli
from batch_platform.btc.store import Batches

def dying(name, status, after):
    real = getattr(Batches, name)

    def deed(self, batch, *given, **fields):
        if name != "move" or given[0] == status:
            done = real(self, batch, *given, **fields) if after else None
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, batch, *given, **fields)

    setattr(Batches, name, deed)

name, status, after, *words = sys.argv[1:]
dying(name, status, after == "after")
sys.argv = ["batch-platform", "btc", *words]
cli.main()
"""


def killed(*words: str) -> None:
    process = Fork("-c", DYING, *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, printed


@pytest.mark.faults
@pytest.mark.parametrize(
    ("deed", "left"),
    [
        (("create", "-", "after"), "pending"),
        # these two leave what their neighbours leave
        pytest.param(("move", "planned", "before"), "pending", marks=pytest.mark.every_kill_point),
        pytest.param(("move", "planned", "after"), "planned", marks=pytest.mark.every_kill_point),
        (("approve", "-", "before"), "planned"),
        (("approve", "-", "after"), "planned"),
        (("move", "processing", "after"), "processing"),
        (("acquire", "-", "after"), "processing"),
    ],
)
def test_a_killed_command_goes_on_by_the_same_command_and_key(shell: Shell, deed: tuple[str, ...], left: str) -> None:
    shell.seeded(20)
    before = balances(shell)
    words = (*ADJUST, "--approve", "--key", "nov", *AS_KEI)
    killed(*deed, *words)
    [batch] = shell.json("list")
    assert batch["status"] == left
    done = shell.json(*words)
    assert (done["batch_id"], done["status"], done["proof"]["ok"]) == (batch["batch_id"], "completed", True)
    assert [one["account"] for one in done["approvals"]] == ["local:kei"]
    after = balances(shell)
    for row in shell("plan", done["batch_id"], "--format", "csv").csv:
        assert after[row["user_id"]] == before[row["user_id"]] + Decimal(row["amount"])
    if deed == ("approve", "-", "before"):
        back = ("rollback", done["batch_id"], "--approve", "--key", "back", *AS_KEI)
        killed(*deed, *back)
        assert "reversed by" in shell("list").out
        taken = shell.json(*back)
        assert (taken["status"], taken["reverses"]) == ("completed", done["batch_id"])
        refused = shell("rollback", taken["batch_id"], *AS_KEI).failed(2)
        assert f"batch {taken['batch_id']} is the reversal of {done['batch_id']} and cannot be reversed" in refused
        assert balances(shell) == before
        items = shell.json("history", "user-0000009")
        assert [(row["reverses"], row["reversed_by"], row["reversal_status"]) for row in items[:2]] == [
            (done["batch_id"], None, None),
            (None, taken["batch_id"], "completed"),
        ]
        after = before
    # and once more: nothing happens twice
    assert shell.json(*words)["batch_id"] == done["batch_id"]
    assert balances(shell) == after
    assert [row[1] for row in shell.audited(done["batch_id"])] == ["btc-batch.create"]
    assert {outcome for _, outcome in shell.intents("btc-batch.create")} == {"done"}


def test_what_differs_is_named(shell: Shell, tables: Tables, dynamodb: DynamoDBClient) -> None:
    shell.seeded(12)
    own = shell.json(*ADJUST, "--approve", *AS_KEI)["batch_id"]
    for table, key, name in (
        (tables.balances, {"user_id": {"S": "user-0000006"}}, "balance"),
        (tables.transactions, {"transaction_id": {"S": own}, "user_id": {"S": "user-0000008"}}, "amount"),
    ):
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression=f"ADD {name} :satoshi",
            ExpressionAttributeValues={":satoshi": {"N": "0.00000001"}},
        )
    verified = shell("verify")
    assert verified.code == 1
    assert "there are differences" in verified.out
    for user in ("user-0000006", "user-0000008"):
        assert user in verified.out
    proof = shell("proof", own)
    assert (proof.code, proof.err) == (1, "")
    assert "DIFFERS  amounts_equal" in proof.out
    answer = shell("verify", own, "--json")
    assert (answer.code, '"ok": false' in answer.out) == (1, True)


def test_another_workers_batch_is_followed_to_its_end(shell: Shell) -> None:
    shell.seeded(120)
    batch = service.create(shell.context(), "5", by="local:kei", approve=True)
    slower = load_settings().of(BtcSettings).model_copy(update={"write_units": 100})
    slow = replace(opening.open_context(load_settings().having(slower)), heartbeat=0.1)
    worker = threading.Thread(target=service.run, args=(slow, batch.batch_id))
    worker.start()
    while service.batch(slow, batch.batch_id).lease_owner is None:
        time.sleep(0.02)
    done = shell.json("resume", batch.batch_id, *AS_KEI)
    worker.join()
    assert (done["status"], done["proof"]["ok"]) == ("completed", True)
    assert runs(batch.batch_id) == []


def test_a_run_that_lost_its_batch_to_another_worker_is_no_failure(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.seeded(12)
    batch = service.create(shell.context(), "5", by="local:kei", approve=True)
    plain = Launcher.run
    results: list[RunResult] = []

    def overtaken(self: Launcher, *args: Any, **options: Any) -> RunResult:
        """The run finds the lease taken, and waits until its holder has ended the batch."""
        own = shell.context()
        other = replace(own, owner="elsewhere/1/1/abc")
        other.store.batches.acquire(service.batch(own, batch.batch_id), other.owner, now=own.clock())

        def end(context: BtcContext, held: Batch) -> Batch:
            service.run(other, held.batch_id)
            return service.await_worker(context, held)

        monkeypatch.setattr(apply, "await_worker", end)
        results.append(plain(self, *args, **options))
        return results[-1]

    monkeypatch.setattr(Launcher, "run", overtaken)
    done = shell.json("resume", batch.batch_id, *AS_KEI)
    assert (done["status"], done["proof"]["ok"]) == ("completed", True)
    assert [result.success for result in results] == [True]
    assert service.batch(shell.context(), batch.batch_id).fencing == 2


def test_a_batch_that_fails_says_so_in_one_line(shell: Shell) -> None:
    """A row of this batch that is not as it was sealed: nobody goes on before somebody has looked."""
    shell.seeded(12)
    own = shell.json(*ADJUST, *AS_KEI)["batch_id"]
    context = shell.context()
    context.store.accounts.deposit("user-0000008", 7, transaction_id=own, created_by="tests")
    approved(context, service.batch(context, own), by="local:kei")
    told = shell("resume", own, *AS_KEI).failed(1)
    assert "user-0000008" in told
    assert shell.json("show", own)["operation"]["error_message"] == told
    assert "go on with it: batch-platform btc resume" in shell("show", own).out
    assert f"batch {own} is open" in shell(*ADJUST, *AS_KEI).failed(2)


def test_interrupted_killed_and_resumed(shell: Shell) -> None:
    """Ctrl-C says how to go on; who waits at a terminal sees how far it is; the next command ends a killed run.

    What was booked stays, each user once.
    """
    shell.seeded(1000)
    before = balances(shell)
    shell.patch.setenv("BTC_WRITE_UNITS", "98")  # a chunk of 49 users a second
    batch = service.create(shell.context(), "5", by="local:kei", approve=True)
    own = batch.batch_id

    def reached(users: int, process: Any) -> None:
        while len(shell.context().store.ledger.rows(own, 1)) < users:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)

    interrupted = shell.started("resume", own, *AS_KEI)
    reached(49, interrupted)
    interrupted.send_signal(signal.SIGINT)
    out, err = interrupted.communicate(timeout=PATIENCE)
    assert (interrupted.returncode, out) == (1, "")
    assert err == (
        f"error: interrupted: batch {own} keeps what is booked; go on with: batch-platform btc resume {own}\n"
    )
    assert service.batch(shell.context(), own).status == "processing"

    screen, terminal = pty.openpty()
    killed = shell.started("resume", own, *AS_KEI, stderr=terminal)
    os.close(terminal)
    told = b""
    while b" users" not in told:
        told += os.read(screen, 10_000)
    killed.kill()
    killed.communicate()
    os.close(screen)
    assert re.search(rb"%b: [0-9]+ of [0-9]+ users" % own.encode(), told)
    assert service.batch(shell.context(), own).status == "processing"
    shell.patch.delenv("BTC_WRITE_UNITS")
    done = shell.json("resume", own, *AS_KEI)
    assert (done["status"], done["proof"]["ok"]) == ("completed", True)
    assert {run.status for run in runs(own)} <= {
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    }
    after = balances(shell)
    changed = sum(after[user] - before[user] for user in before if user != "house")
    assert btc_text(batch.plan_sum or 0) == f"{changed:f}" == f"{-after['house']:f}"
    assert shell.json("verify")["ok"]
    assert load_settings().of(BtcSettings).write_units is None
