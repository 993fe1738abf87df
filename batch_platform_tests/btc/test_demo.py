"""The demo's BTC part: run twice it is as run once, killed anywhere it goes on, other balances it leaves alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl
import pytest

from batch_platform.btc import demo, service
from batch_platform.btc.actions import APPROVE, CREATE, SEED
from batch_platform.btc.model import HOUSE, REVERSIBLE, UserStatus
from batch_platform.btc.opening import open_context
from batch_platform.btc.service.seed import customers
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import Opening, table_names
from batch_platform.core.audit import AuditStore
from batch_platform.kit.session import of_demo
from batch_platform.local.provision import restore
from batch_platform.settings import Settings
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from batch_platform.btc.service import BtcContext

USERS = 600
DEMO = f"""
from batch_platform.btc import demo
from batch_platform.settings import load_settings
demo.USERS = {USERS}
demo.run(load_settings(), lambda message: print(message, flush=True))
"""
PAID = {"user-0000002": 150, "user-0000009": 24_000_000, "user-0000010": 100_000_000}


@pytest.fixture
def own(
    provisioned: Settings,
    services: dict[str, str],
    dynamodb: DynamoDBClient,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """The settings of tables of the test's own, and fewer users than `make demo` has."""
    monkeypatch.setattr(demo, "USERS", USERS)
    table_prefix = f"test-{uuid4().hex[:12]}"
    names = vars(table_names("local", table_prefix)).values()
    assert {f"table {name}" for name in names} <= set(restore(services, parameters={"Project": table_prefix}))
    yield provisioned.having(BtcSettings(BTC_PROJECT=table_prefix))
    for name in names:
        dynamodb.delete_table(TableName=name)


@pytest.fixture
def context(own: Settings) -> BtcContext:
    return open_context(own)


def balances(context: BtcContext) -> dict[str, int]:
    return dict(service.balances(context).select("user_id", "balance").rows())


def expected() -> dict[str, int]:
    """What the users were given and what was paid in and out since: adjustment and reversal leave nothing."""
    before = dict(customers(USERS).select("user_id", "balance").rows())
    return {HOUSE: 0, **{user: balance + PAID.get(user, 0) for user, balance in before.items()}}


def ledger_rows(context: BtcContext) -> int:
    """Every row of every user has raised the version of a balance."""
    return int(context.store.accounts.scan_balances().get_column("version").sum())


def test_run_again_it_prints_the_same_and_changes_nothing(
    own: Settings, context: BtcContext, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []
    demo.run(own, steps.append)
    first = capsys.readouterr().out
    rows, batches = ledger_rows(context), service.history(context).batches
    demo.run(own, steps.append)
    assert capsys.readouterr().out == first
    assert ledger_rows(context) == rows
    assert service.history(context).batches == batches
    assert balances(context) == expected()
    assert service.verify(context).ok

    back, adjusted = batches
    with of_demo(own, context) as session:
        log = AuditStore(session.log.pool)
        [opening] = log.rows(who=demo.BY, what=SEED, limit=1)
        words = {row.what for batch in batches for row in log.rows(who=demo.BY, target=batch.batch_id)}
    assert (opening.target, opening.after["users"]) == (f"{USERS} made-up users", USERS)
    assert {CREATE, APPROVE} <= words
    assert (adjusted.adjustment_rate, back.reverses) == (Decimal(5), adjusted.batch_id)
    # previewed as sealed, sealed as applied
    [previewed] = [step for step in steps if "preview" in step]
    assert adjusted.plan_sha256 is not None
    assert f"plan {adjusted.plan_sha256[:12]}" in previewed
    assert first.count("proof holds") == 2
    assert "600 balances equal those before plus what was paid in and out since (3 users, 1.24000150 BTC)" in first

    # what people do later is later activity, and no reason to begin again
    context.store.accounts.deposit("user-0000012", 5, transaction_id="own", created_by="x")
    service.run(context, service.create(context, "-3", by="local:ann", approve=True).batch_id)
    demo.run(own, steps.append)
    assert "600 balances equal those before" in capsys.readouterr().out
    assert service.history(context).total == 3


def test_killed_at_each_stage_it_goes_on(
    own: Settings, context: BtcContext, capsys: pytest.CaptureFixture[str]
) -> None:
    """While users are opened, while the batch is sealed, while it is applied, and while it is taken back."""
    moments, killed = random.Random(5), 0
    for stage in ("made-up users", "preview", "approved by", "takes out"):
        killed += killed_after(own, stage, moments.uniform(0, 0.2))
    assert killed >= 3
    demo.run(own, print)
    assert balances(context) == expected()
    batches = service.history(context).batches
    assert [batch.status in REVERSIBLE for batch in batches] == [True, True]
    assert context.store.batches.open_batch_id() is None
    assert service.verify(context).ok
    assert "600 balances equal those before plus what was paid in and out since (3 users" in capsys.readouterr().out


def test_it_keeps_away_from_other_balances(own: Settings, context: BtcContext) -> None:
    steps: list[str] = []
    context.store.accounts.open_many([Opening("ann", 7, UserStatus.ACTIVE)], created_by="x")
    demo.run(own, steps.append)
    assert "left out: there are 1 other users" in steps[-1]
    open_batch = service.create(context, "1", by="local:ann")
    demo.run(own, steps.append)
    assert steps[-1].strip() == f"left out: batch {open_batch.batch_id} is open"
    assert balances(context) == {"ann": 7, HOUSE: 0}
    assert service.history(context).batches == (open_batch,)
    assert pl.Series(["ann", HOUSE]).equals(service.balances(context).get_column("user_id"))


def killed_after(settings: Settings, stage: str, seconds: float) -> bool:
    """Start the demo and kill it a little after it has told of a stage; False when it was done sooner."""
    with Fork(
        *("-c", DEMO),
        env={**os.environ, "BTC_PROJECT": settings.of(BtcSettings).table_prefix},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if stage in line:
                break
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        return process.returncode == -signal.SIGKILL
