"""What must come out of batches, computed a second time and in another way: fractions, row by row, in BTC.

Imports nothing of what it checks, and shares no rule with it but the words of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from hashlib import sha256
from typing import Final

HOUSE: Final = "house"
SATOSHI: Final = Decimal("0.00000001")
_IN_A_BTC: Final = 10**8


class Unreachable(ValueError):
    """No rounding of the exact amounts adds up to the total that was asked for."""


@dataclass(frozen=True)
class Person:
    """A user as of the cut-off, the balance in BTC."""

    name: str
    status: str
    balance: Decimal


@dataclass(frozen=True)
class Line:
    """What a plan says of one user, in BTC; `reason` is empty for targets."""

    name: str
    before: Decimal
    amount: Decimal
    after: Decimal
    state: str
    reason: str = ""


@dataclass(frozen=True, order=True)
class Entry:
    """A ledger row, in BTC; `reason` is empty for rows that were booked."""

    transaction: str
    name: str
    amount: Decimal
    state: str = "applied"
    reason: str = ""


@dataclass(frozen=True)
class End:
    """What a batch must say of itself when it has ended; sums in BTC."""

    status: str
    target: int
    applied: int
    skipped_zero: int
    failed: int
    excluded: int
    plan_sum: Decimal
    applied_sum: Decimal
    plan_sha256: str


# plans


def plan(people: Iterable[Person], rate: str, rounding: str, target_total: Decimal | None = None) -> list[Line]:
    """The lines of `rate` percent, sorted by name. Raises `Unreachable` for a target total that cannot be met."""
    percent = Fraction(rate) / 100
    everybody = sorted((person for person in people if person.name != HOUSE), key=lambda person: person.name)
    exact = {person.name: Fraction(person.balance) * _IN_A_BTC * percent for person in everybody}
    reasons = {
        person.name: _excluded(person, exact[person.name], None if target_total is not None else rounding)
        for person in everybody
    }
    if target_total is None:
        whole = {name: _round(amount, rounding) for name, amount in exact.items()}
    else:
        amounts = {name: amount for name, amount in exact.items() if not reasons[name]}
        whole = _shared(amounts, int(target_total / SATOSHI))
    return [_line(person, whole.get(person.name, 0), reasons[person.name]) for person in everybody]


def reach(people: Iterable[Person], rate: str) -> tuple[Decimal, Decimal]:
    """The least and the most that a target total of this rate can be, in size, without its sign."""
    percent = Fraction(rate) / 100
    least = most = 0
    for person in people:
        amount = Fraction(person.balance) * _IN_A_BTC * percent
        if person.name != HOUSE and not _excluded(person, amount, None):
            least += math.floor(abs(amount))
            most += math.ceil(abs(amount))
    return _btc(least), _btc(most)


def take_back(booked: Mapping[str, Decimal], balances: Mapping[str, Decimal]) -> list[Line]:
    """The lines that take back what was booked, whoever the users are by now."""
    lines = []
    for name in sorted(booked):
        before = balances.get(name, Decimal(0))
        lines.append(Line(name, before, -booked[name], before - booked[name], "pending"))
    return lines


def digest(lines: Sequence[Line]) -> str:
    """The hash of a plan: a line a user in satoshi, fields parted by tabs."""
    hashed = sha256()
    for line in lines:
        numbers = "\t".join(str(int(amount / SATOSHI)) for amount in (line.before, line.amount, line.after))
        hashed.update(f"{line.name}\t{numbers}\t{line.state}\t{line.reason}\n".encode())
    return hashed.hexdigest()


def _excluded(person: Person, exact: Fraction, rounding: str | None) -> str:
    """Why a user is no target. Without a rounding the amount may become the next satoshi either way."""
    if person.status != "active":
        return "inactive"
    if person.balance == 0:
        return "zero_balance"
    widest = math.ceil(exact) if exact > 0 else math.floor(exact)
    amount = widest if rounding is None else _round(exact, rounding)
    if person.balance < 0 or person.balance + _btc(amount) < 0:
        return "below_zero"
    return ""


def _round(exact: Fraction, rounding: str) -> int:
    """Whole satoshi of an exact number of them."""
    if rounding == "half_even":
        return round(exact)
    if rounding == "toward_zero":
        return math.trunc(exact)
    size = math.floor(abs(exact) + Fraction(1, 2))
    return size if exact > 0 else -size


def _shared(exact: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Whole satoshi that add up to a total: one by one to those whose amounts lost most, the first name of equals."""
    sign = -1 if any(amount < 0 for amount in exact.values()) else 1
    given = {name: math.floor(abs(amount)) for name, amount in exact.items()}
    left = total * sign - sum(given.values())
    losses = sorted(exact, key=lambda name: (given[name] - abs(exact[name]), name))
    losers = [name for name in losses if given[name] != abs(exact[name])]
    if not 0 <= left <= len(losers):
        raise Unreachable(f"{left} satoshi are left for {len(losers)} users")
    for name in losers[:left]:
        given[name] += 1
    return {name: amount * sign for name, amount in given.items()}


def _line(person: Person, amount: int, reason: str) -> Line:
    if reason:
        return Line(person.name, person.balance, Decimal(0), person.balance, "excluded", reason)
    return Line(
        person.name,
        person.balance,
        _btc(amount),
        person.balance + _btc(amount),
        "pending" if amount else "skipped_zero",
    )


def _btc(satoshi: int) -> Decimal:
    with localcontext() as exact:
        exact.prec = 60
        return Decimal(satoshi) * SATOSHI


# books


@dataclass
class Books:
    """Everybody's status and balance, and every ledger row: kept by hand while the real ones are worked on."""

    statuses: dict[str, str] = field(default_factory=dict)
    balances: dict[str, Decimal] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def people(self) -> list[Person]:
        return [Person(name, self.statuses[name], balance) for name, balance in self.balances.items()]

    def open(self, person: Person) -> None:
        self.statuses[person.name] = person.status
        self.balances[person.name] = Decimal(0)
        if person.balance:
            self.pay(f"opening-{person.name}", person.name, person.balance)

    def pay(self, transaction: str, name: str, amount: Decimal) -> None:
        """A deposit, or a withdrawal that is covered."""
        self.balances[name] += amount
        self.entries.append(Entry(transaction, name, amount))

    def apply(self, batch: str, lines: Iterable[Line], only: Collection[str] | None = None) -> None:
        """Book the lines that are not booked yet (those of the users `only`), as the balances are at this moment."""
        done = {entry.name for entry in self.entries if entry.transaction == batch}
        for line in lines:
            if line.state != "pending" or line.name in done or (only is not None and line.name not in only):
                continue
            if line.amount < 0 and self.balances[line.name] + line.amount < 0:
                self.entries.append(Entry(batch, line.name, Decimal(0), "failed", "below_zero"))
            else:
                self.pay(batch, line.name, line.amount)

    def end(self, batch: str, lines: Sequence[Line]) -> End:
        """Book the house's side, and say what the batch must come to."""
        booked = self.booked(batch)
        failed = sum(1 for entry in self.entries if entry.transaction == batch and entry.state == "failed")
        total = sum(booked.values(), Decimal(0))
        if total:
            self.balances.setdefault(HOUSE, Decimal(0))
            self.statuses.setdefault(HOUSE, HOUSE)
            self.pay(batch, HOUSE, -total)
        excluded = sum(1 for line in lines if line.state == "excluded")
        return End(
            status="completed_with_failures" if failed else "completed",
            target=len(lines) - excluded,
            applied=len(booked),
            skipped_zero=sum(1 for line in lines if line.state == "skipped_zero"),
            failed=failed,
            excluded=excluded,
            plan_sum=sum((line.amount for line in lines), Decimal(0)),
            applied_sum=total,
            plan_sha256=digest(lines),
        )

    def booked(self, batch: str) -> dict[str, Decimal]:
        """What a batch has booked to users, by name."""
        return {
            entry.name: entry.amount
            for entry in self.entries
            if entry.transaction == batch and entry.state == "applied" and entry.name != HOUSE
        }
