"""One case played through: what happens in the tables happens in the oracle's books too, and at the end both meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, ClassVar, Final

from batch_platform.btc import service
from batch_platform.btc.model import Batch, Options, Rounding, UserStatus
from batch_platform.btc.money import to_satoshi
from batch_platform.btc.proving import oracle
from batch_platform.btc.proving.ground import Ground, Seen
from batch_platform.btc.proving.judge import differences
from batch_platform.btc.proving.oracle import SATOSHI, Books, End, Line, Person
from batch_platform.btc.service import BtcContext, Overrides
from batch_platform.btc.store import Opening
from batch_platform.core.clock import Clock
from batch_platform.proving.cases import Case
from batch_platform.proving.ground import SteppingClock

BY: Final = "local:prove"
LATER: Final = timedelta(minutes=5)
"""Beyond any lease, by the clock of a case."""
AWKWARD: Final = ("0", "0.00000001", "20999999.9769", "0.0000001", "0.0000003", "1", "0.00000070", "123.45678901")
NAMES: Final = ("Zoë", "aa", "ユーザー一", "x y", "~tilde", "a#b")
"""Ids whose order is another in most alphabets, and one with the sign of a shard."""


@dataclass(frozen=True, kw_only=True)
class BatchCase(Case):
    """One batch and what befalls it; `beats` lets the worker renew its lease."""

    users: int
    rate: str = "5"
    rounding: str = "half_even"
    targeted: bool = False
    chunk_users: int = 3
    shards: int = 1
    reverses: bool = False
    beats: bool = False
    workers: int = 1
    kills: int = 0

    always_shown: ClassVar[frozenset[str]] = frozenset({"rate"})


def fewer_users(case: BatchCase) -> Iterator[BatchCase]:
    """The same case with each smaller number of users."""
    return (replace(case, users=users) for users in range(1, case.users))


class Play:
    """The parts of a case: people, a calm worker, steps that happen in life and in the books."""

    def __init__(self, ground: Ground, case: BatchCase, clock: Clock | None = None) -> None:
        ground.scratch.clear()
        self.ground = ground
        self.case = case
        self.stepping = SteppingClock()
        self.clock: Clock = clock or self.stepping
        # the same people at all points of a case, so that it has as many writes each time
        people = Random(f"{case.scenario} {case.seed} {case.number}")  # noqa: S311 (to be played again alike)
        self.random = Random(f"{people.random()} {case.at} {case.after}")  # noqa: S311
        self.options = Options(chunk_users=case.chunk_users, shards=case.shards, max_rate=Decimal(10**9))
        self.calm = self.worker()
        self.books = Books()
        self.ends: dict[str, tuple[End, Sequence[Line]]] = {}
        self._paid = 0
        self._open(crowd(people, case.users))
        self.reverses = self._undisturbed() if case.reverses else None
        self.target_total = self._target() if case.targeted else None

    def worker(self, **more: Any) -> BtcContext:
        """The context of another worker: see `Ground.worker`."""
        return self.ground.worker(self.clock, self.options, **more)

    # the batch

    def begin(self, context: BtcContext, number: int = 1) -> Batch:
        """Create, plan, seal and approve the batch, or take it up where it was left: the key is the same."""
        case = self.case
        key = service.idempotency_key(f"prove-{number}", by=BY, request={"number": number})
        if self.reverses is not None:
            return service.reverse(context, self.reverses, by=BY, key=key, approve=True)
        overrides = Overrides(
            rounding=Rounding(case.rounding),
            target_total=None if self.target_total is None else to_satoshi(self.target_total),
        )
        return service.create(context, case.rate, by=BY, key=key, overrides=overrides, approve=True)

    def lines(self) -> list[Line]:
        """The plan by the oracle, of the people as they are now."""
        if self.reverses is not None:
            return oracle.take_back(self.books.booked(self.reverses), self.books.balances)
        return oracle.plan(self.books.people(), self.case.rate, self.case.rounding, self.target_total)

    def newest(self) -> Seen | None:
        """The batch as its item is now; None while there is none."""
        return next((batch for batch in self.ground.batches() if batch.batch_id not in self.ends), None)

    def written(self, batch_id: str) -> set[str]:
        """Users whose row is in the ledger by now."""
        return {entry.name for entry in self.ground.entries() if entry.transaction == batch_id}

    def ended(self, batch_id: str, lines: Sequence[Line]) -> None:
        """The batch has ended in life: now in the books."""
        self.books.apply(batch_id, lines)
        self.ends[batch_id] = (self.books.end(batch_id, lines), lines)

    def differences(self) -> list[str]:
        """What is otherwise than in the books, and what the product's own proof says against itself."""
        wrong = differences(self.ground, self.books, self.ends)
        verified = service.verify(self.calm)
        for proof in verified.proofs:
            wrong += [f"btc verify: {check.name}: {check.found}, not {check.expected}" for check in proof.failed]
        if not verified.balances.ok:
            wrong.append(f"btc verify: {verified.balances.name}: {verified.balances.found}")
        return wrong

    # other people's doings

    def pay(self, name: str, amount: Decimal) -> None:
        """A deposit, or a withdrawal of what is there."""
        self._paid += 1
        transaction = f"paid-{self._paid}"
        self.calm.store.accounts.deposit(name, to_satoshi(amount), transaction_id=transaction, created_by="somebody")
        self.books.pay(transaction, name, amount)

    def activity(self) -> None:
        """Some are paid, one takes out everything, one is suspended, one comes; seldom nobody does anything."""
        random, books = self.random, self.books
        names = [name for name in sorted(books.balances) if name != oracle.HOUSE]
        for name in random.sample(names, min(2, len(names))):
            self.pay(name, satoshi_of(random, 10))
        rich = [name for name in names if books.balances[name] > 0]
        if rich:
            gone = random.choice(rich)
            self.pay(gone, -books.balances[gone])
        # who stays rich is suspended: the seal has decided for him already, or not yet
        name = random.choice(names)
        self.calm.store.accounts.set_status(name, UserStatus.SUSPENDED)
        books.statuses[name] = "suspended"
        self._open([Person(f"late-{self._paid}", "active", satoshi_of(random, 9))])

    def payday(self) -> None:
        """Deposits alone, which never make a row fail: they may fall between any two writes of a worker."""
        names = [name for name in sorted(self.books.balances) if name != oracle.HOUSE]
        for name in self.random.sample(names, min(3, len(names))):
            self.pay(name, satoshi_of(self.random, 8))

    def _open(self, people: Sequence[Person]) -> None:
        openings = [Opening(person.name, to_satoshi(person.balance), UserStatus(person.status)) for person in people]
        self.calm.store.accounts.open_many(openings, created_by="somebody")
        for person in people:
            self.books.open(person)

    # before the case

    def _undisturbed(self) -> str:
        """A batch that the one of the case takes back, with life going on in between; its id."""
        batch = service.create(self.calm, self.case.rate, by=BY, approve=True)
        lines = oracle.plan(self.books.people(), self.case.rate, "half_even")
        service.run(self.calm, batch.batch_id)
        self.ended(batch.batch_id, lines)
        self.activity()
        return batch.batch_id

    def _target(self) -> Decimal:
        """A total that the amounts can be rounded to."""
        least, most = oracle.reach(self.books.people(), self.case.rate)
        size = least + self.random.randint(0, int((most - least) / SATOSHI)) * SATOSHI
        return -size if self.case.rate.startswith("-") else size


def crowd(random: Random, count: int) -> list[Person]:
    """People in no order, with balances that are awkward to round, some of whom are no targets."""
    names = [*NAMES, *(f"user-{number:04d}" for number in range(count))][:count]
    random.shuffle(names)
    people = []
    for place, name in enumerate(names):
        balance = Decimal(AWKWARD[place]) if place < len(AWKWARD) else satoshi_of(random, 13)
        status = "active" if place < len(AWKWARD) else random.choice(("active",) * 8 + ("suspended", "closed"))
        people.append(Person(name, status, balance))
    random.shuffle(people)
    return people


def satoshi_of(random: Random, digits: int) -> Decimal:
    """An amount of BTC of up to so many digits in satoshi, short ones as likely as long ones; never zero."""
    return random.randint(1, 10 ** random.randint(1, digits)) * SATOSHI
