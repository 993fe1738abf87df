"""What the tests of the use cases share: contexts of several workers, users, an oracle, and workers that die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

from batch_platform.btc import service
from batch_platform.btc.model import HOUSE, Batch, Options, UserStatus
from batch_platform.btc.service import BtcContext
from batch_platform.btc.store import (
    Accounts,
    Batches,
    BtcStore,
    Ledger,
    Opening,
    PlanLake,
    RateLimiter,
    Tables,
)
from batch_platform.btc.store.entries import Entries
from batch_platform.core.dynamodb import Reason, Requests
from batch_platform_tests.btc.clock import SteppingClock
from batch_platform_tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

BTC = 10**8
ANN, BOB = "local:ann", "local:bob"


class Killed(SystemExit):
    """What a process does not survive."""


class Mortal(Requests):
    """Requests of a worker that is killed right after its `last` write; each one counts, whatever it says."""

    def __init__(self, dynamodb: DynamoDBClient, last: int) -> None:
        super().__init__(dynamodb)
        self._left = last
        self._mutex = threading.Lock()

    def transact(self, writes: Sequence[Any], where: str) -> list[Reason]:
        return self._count(lambda: super(Mortal, self).transact(writes, where))

    def _conditional(self, where: str, write: Callable[[], Any]) -> Any:
        return self._count(lambda: super(Mortal, self)._conditional(where, write))

    def _count(self, write: Callable[[], Any]) -> Any:
        with self._mutex:
            if self._left <= 0:
                raise Killed
            answer = write()
            self._left -= 1
            if self._left == 0:
                raise Killed
            return answer


class Paused(Requests):
    """Requests of a worker that is stopped before its transaction number `at`, with all its threads, until it is let
    go on."""

    def __init__(self, dynamodb: DynamoDBClient, at: int) -> None:
        super().__init__(dynamodb)
        self._at = at
        self._numbers = count(1)
        self.stopped = threading.Event()
        self.go_on = threading.Event()

    def transact(self, writes: Sequence[Any], where: str) -> list[Reason]:
        if next(self._numbers) >= self._at:
            self.stopped.set()
            assert self.go_on.wait(PATIENCE)
        return super().transact(writes, where)


class Stage:
    """One environment: tables, lake and clock; contexts of as many workers as a test needs."""

    def __init__(
        self, dynamodb: DynamoDBClient, tables: Tables, s3: S3Client, bucket: str, clock: SteppingClock
    ) -> None:
        self.dynamodb = dynamodb
        self.tables = tables
        self.clock = clock
        self.s3 = s3
        self.bucket = bucket
        self._lake = PlanLake(s3, bucket)

    def context(self, requests: Requests | None = None, **options: Any) -> BtcContext:
        requests = requests or Requests(self.dynamodb)
        entries = Entries(requests, self.tables, clock=self.clock, limiter=RateLimiter(None))
        store = BtcStore(
            batches=Batches(requests, self.tables),
            ledger=Ledger(requests, self.tables, entries),
            accounts=Accounts(requests, self.tables, entries, clock=self.clock),
            plans=self._lake,
        )
        settings = replace(Options(chunk_users=3), **options)
        # a lease of a dead worker runs out only by the clock: all workers are of this process
        return BtcContext(store=store, options=settings, clock=self.clock, sleep=lambda seconds: None)

    def later(self, minutes: int = 5) -> None:
        self.clock.now += timedelta(minutes=minutes)


BALANCES = (0, 1, 2_099_999_997_690_000, 10, 30, BTC, 3 * BTC + 7, 12_345_678_901, 999, 250_000_010, 70, BTC)


def open_users(context: BtcContext) -> dict[str, int]:
    """Twelve active users, a suspended and a closed one; the balances of all."""
    openings = [Opening(f"user-{number:02d}", balance, UserStatus.ACTIVE) for number, balance in enumerate(BALANCES)]
    openings += [Opening("x-sus", BTC, UserStatus.SUSPENDED), Opening("x-closed", BTC, UserStatus.CLOSED)]
    context.store.accounts.open_many(openings, created_by="seed")
    return {opening.user_id: opening.balance for opening in openings}


def expected(before: dict[str, int], rate: str) -> dict[str, int]:
    """The oracle: what each active user gets, in satoshi, half a satoshi to the even one."""
    part = Decimal(rate) / 100
    amounts = {
        user: int((balance * part).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
        for user, balance in before.items()
        if not user.startswith("x-")
    }
    return {user: amount for user, amount in amounts.items() if amount}


def balances(context: BtcContext) -> dict[str, int]:
    """Everybody's balance, without the house's."""
    rows = context.store.accounts.scan_balances().select("user_id", "balance").rows()
    return {user: balance for user, balance in rows if user != HOUSE}


def house(context: BtcContext) -> int:
    return context.store.accounts.balances([HOUSE])[HOUSE].balance


def booked(context: BtcContext, batch: Batch) -> dict[str, int]:
    """What a batch has applied, by user."""
    rows = context.store.ledger.rows(batch.batch_id, batch.shards)
    return {
        user: amount
        for user, amount, state in rows.select("user_id", "amount", "state").rows()
        if user != HOUSE and state == "applied"
    }


def approved(context: BtcContext, batch: Batch, by: str = ANN) -> Batch:
    assert batch.plan_sha256 is not None
    assert batch.plan_sum is not None
    return service.approve(
        context,
        batch.batch_id,
        by=by,
        count=batch.target_user_count,
        amount=batch.plan_sum,
        plan_sha256=batch.plan_sha256,
    )


def made(context: BtcContext, rate: str = "5", **fields: Any) -> Batch:
    """A batch that waits for a worker."""
    return service.create(context, rate, by=ANN, approve=True, **fields)
