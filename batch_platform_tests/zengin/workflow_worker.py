"""A process that takes one release the whole way and kills itself at a step: see test_crashes_workflow.py.

Steps are what leaves a trace: before and after each write to S3 and DynamoDB, and each end of a transaction.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from batch_platform.core import aws, postgres
from batch_platform.core.failures import Conflict
from batch_platform.settings import load_settings
from batch_platform.zengin import service
from batch_platform.zengin.service import ZenginContext, build_context
from batch_platform_tests.zengin.workflow import ANN, BEN, GENEROUS

WRITES = ("PutObject", "TransactWriteItems", "PutItem", "UpdateItem")


@dataclass
class Steps:
    """Counts, and kills this process at the step that was asked for."""

    kill_at: int
    count: int = 0

    def step(self, *_: Any, **__: Any) -> None:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


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


def killed(table: str, source: str, day: date, kill_at: int) -> None:
    """The child: ends by SIGKILL at the step, or normally when there are fewer."""
    steps = Steps(kill_at)
    settings = load_settings()
    dynamodb, s3 = aws.client("dynamodb", settings), aws.client("s3", settings)
    for client in (dynamodb, s3):
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
    assert settings.database_url is not None
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="zengin killed")
    context = build_context(
        pool=pool,
        dynamodb=dynamodb,
        s3=s3,
        lake_bucket=settings.lake_bucket,
        env="local",
        table=table,
        limits=GENEROUS,
    )
    work(replace(context, progress=lambda _: None), source, day)
    pool.close()
