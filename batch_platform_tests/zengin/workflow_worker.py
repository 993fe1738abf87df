"""Processes that take a release some way: test_crashes_workflow.py kills them, test_service_races.py starts several.

Steps are what leaves a trace: before and after each write to S3 and DynamoDB, and each end of a transaction.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from batch_platform.core import aws, postgres
from batch_platform.core.failures import Conflict
from batch_platform.settings import load_settings
from batch_platform.zengin import service
from batch_platform.zengin.service import ZenginContext, build_context
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.zengin.clock import SteppingClock
from batch_platform_tests.zengin.workflow import ANN, BEN, GENEROUS

PROCESSES = multiprocessing.get_context("forkserver")
# what each child would import again; nothing here may use polars
PROCESSES.set_forkserver_preload(["batch_platform_tests.zengin.workflow_worker", "boto3", "botocore.client"])
WRITES = ("PutObject", "TransactWriteItems", "PutItem", "UpdateItem")
STUCK_SECONDS = PATIENCE / 2


@dataclass
class Steps:
    """Counts, and kills this process at the step that was asked for."""

    kill_at: int
    count: int = 0

    def step(self, *_: Any, **__: Any) -> None:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def require_forkable() -> None:
    """Whoever forked this process must not have used polars: its threads stay behind, and the locks they hold."""
    there = [task.read_text().strip() for task in Path(f"/proc/{os.getppid()}/task").glob("*/comm")]
    if any(name.startswith("polars-") and name.removeprefix("polars-").isdigit() for name in there):
        raise RuntimeError("an import has started the threads of polars: a forked process would wait for them")


def exit_codes(*children: BaseProcess) -> list[int | None]:
    """How children end that are started together; none outlives the call, for the interpreter would wait for it."""
    for child in children:
        child.start()
    try:
        for child in children:
            child.join(2 * STUCK_SECONDS)
        return [child.exitcode for child in children]
    finally:
        for child in children:
            child.kill()
            child.join()


def work(context: ZenginContext, source: str, day: date) -> None:
    """Snapshot, diff, approval by two accounts, application; each may have happened before."""
    service.take_snapshot(context, source, day)
    changeset = service.propose(context, day).changeset
    for account in (ANN, BEN):
        try:
            service.approve_changeset(
                context,
                changeset.id,
                by=account,
                payload_hash=changeset.payload_hash,
                count=changeset.counts["rows"],
            )
        except Conflict as conflict:
            if "another account" not in conflict.message and "nothing that waits" not in conflict.message:
                raise
    service.apply(context, day)


def produced(table: str, source: str, now: datetime, together: Barrier) -> None:
    """The child of a race: a snapshot and its diff, begun when all are ready."""
    faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
    require_forkable()
    with opened(table, now) as context:
        day = context.business_date()
        together.wait(STUCK_SECONDS)
        service.take_snapshot(context, source, day)
        service.propose(context, day)


def killed(table: str, source: str, now: datetime, kill_at: int) -> None:
    """The child: ends by SIGKILL at the step, or normally when there are fewer; one that is stuck says where."""
    faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
    require_forkable()
    steps = Steps(kill_at)
    settings = load_settings()
    for client in (aws.client("dynamodb", settings), aws.client("s3", settings)):
        for operation in WRITES:
            for moment in ("before-call", "after-call"):
                client.meta.events.register(f"{moment}.*.{operation}", steps.step)
    plain = postgres.transaction

    @contextmanager
    def counted(pool: postgres.Pool) -> Iterator[postgres.Connection]:
        with plain(pool) as connection:
            yield connection
            steps.step()
        steps.step()

    postgres.transaction = counted
    with opened(table, now) as context:
        work(context, source, context.business_date())


@contextmanager
def opened(table: str, now: datetime) -> Iterator[ZenginContext]:
    """The context of this process; its clients are those that `aws.client` gives everybody here."""
    settings = load_settings()
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="zengin killed")
    context = build_context(
        pool=pool,
        dynamodb=aws.client("dynamodb", settings),
        s3=aws.client("s3", settings),
        lake_bucket=settings.lake_bucket,
        env="local",
        table=table,
        limits=GENEROUS,
        clock=SteppingClock(now),
    )
    yield replace(context, progress=lambda _: None)
    pool.close()
