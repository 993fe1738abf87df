"""Writes ledger rows together with their balances: each row once, whatever happens, and its balance with it.

A row is put only where none is, in the transaction that adds its amount to the balance. So a repeated write finds its
rows, and does nothing. `committed_at` of a user's rows always grows: a balance refuses a row that is not later than
its newest, and the row is written again with a later moment, however far the clocks of two machines are apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from batch_platform.btc.items import (
    moment,
    moment_text,
    partition,
    row_item,
    row_key,
    satoshi,
    to_row,
    user_key,
)
from batch_platform.btc.model import LedgerRow, RowState, TransactionType
from batch_platform.btc.money import btc_text
from batch_platform.btc.store.limiter import RateLimiter
from batch_platform.btc.store.names import Tables
from batch_platform.core.clock import Clock
from batch_platform.core.dynamodb import CONFLICT, REFUSED, Item, Reason, Requests, collide
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.core.messages import Message

Row = tuple[str, int]
"""A user's id and the amount to book, in satoshi."""

ROWS_AT_MOST: Final = 49
"""Of a transaction of 100 writes: a row and its balance for each user, one pair short of the limit."""

NO_BALANCE: Final = "no_balance"
BELOW_ZERO: Final = "below_zero"

_UNITS: Final = 2  # a transactional write of a row of up to 1 KB
_CONFLICTS: Final = 2  # in a row, after which users are written one by one
_STEP: Final = timedelta(microseconds=1)
_ADD: Final = "ADD balance :amount, version :one SET updated_at = :at"
_LATER: Final = "updated_at < :at"  # and so it is there
_ENOUGH: Final = f"{_LATER} AND balance >= :least"
_MAY_OWE: Final = f"attribute_not_exists(updated_at) OR {_LATER}"
_ONE: Final = {"N": "1"}


@dataclass(frozen=True)
class Header:
    """What all rows of a transaction have in common."""

    transaction_id: str
    transaction_type: TransactionType
    created_at: datetime
    created_by: str
    memo: str | None = None
    shards: int = 1

    def row(self, user_id: str, amount: int, at: datetime, failed: str | None = None) -> LedgerRow:
        return LedgerRow(
            transaction_id=partition(self.transaction_id, user_id, self.shards),
            user_id=user_id,
            amount=amount,
            transaction_type=self.transaction_type,
            created_at=self.created_at,
            committed_at=at,
            created_by=self.created_by,
            memo=self.memo,
            state=RowState.FAILED if failed else RowState.APPLIED,
            reason=failed,
        )


@dataclass
class Outcome:
    """What became of rows: those in the ledger as asked for, how many of them were there before, and who failed."""

    applied: int = 0
    already: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        self.applied += other.applied
        self.already += other.already
        self.failed |= other.failed


class Entries:
    """Thread-safe; `limiter` counts the write units of each partition key."""

    def __init__(self, requests: Requests, tables: Tables, *, clock: Clock, limiter: RateLimiter) -> None:
        self._requests = requests
        self._tables = tables
        self._clock = clock
        self._limiter = limiter

    def write(
        self,
        header: Header,
        rows: Sequence[Row],
        *,
        may_be_negative: bool = False,
        note_failures: bool = True,
    ) -> Outcome:
        """Book at most `ROWS_AT_MOST` users' amounts, all in one transaction as long as nothing speaks against it.

        A user without a balance, or whose balance would fall below zero, fails alone; `note_failures` puts a row of
        amount zero in the ledger for that, which no later write passes. Raises `PermanentFailure` when the ledger has
        another amount for a user, and `TransientFailure` when DynamoDB stays busy; then some rows may be written, and
        the same call again does the rest.
        """
        if len(rows) > ROWS_AT_MOST or len({user for user, _ in rows}) < len(rows):
            raise InvalidInput(
                "too-many-rows-at-once",
                "a transaction takes {limit} users, each once: these are {count} rows",
                limit=ROWS_AT_MOST,
                count=len(rows),
                field="rows",
            )
        return _Write(self, header, rows, may_be_negative, note_failures).run()


class _Write:
    """One call of `Entries.write`."""

    def __init__(
        self,
        entries: Entries,
        header: Header,
        rows: Sequence[Row],
        may_be_negative: bool,
        note_failures: bool,
    ) -> None:
        self._entries = entries
        self._requests = entries._requests
        self._tables = entries._tables
        self._header = header
        self._common = _common(header)
        self._left = dict(rows)
        self._may_be_negative = may_be_negative
        self._note_failures = note_failures
        self._where = f"rows of {header.transaction_id}"
        self._at = entries._clock()
        self._late: dict[str, datetime] = {}
        """Users whose newest row bears a later moment than the others' will: theirs come after it."""
        self._failures = 0
        self._outcome = Outcome()

    def run(self) -> Outcome:
        conflicts = 0
        while self._left:
            users = list(self._left)
            self._spend(users)
            reasons = self._requests.transact(self._writes(), self._where)
            if not reasons:
                self._outcome.applied += len(users)
                break
            codes = {reason.code for reason in reasons}
            if REFUSED in codes:
                self._settle(users, reasons)
                continue
            conflicts += CONFLICT in codes
            if conflicts >= _CONFLICTS and len(users) > 1:
                return self._one_by_one()
            self._again(collide(self._where))
        return self._outcome

    def _writes(self) -> list[Any]:
        transactions, balances = self._tables.transactions, self._tables.balances
        header = self._header
        writes: list[Any] = []
        for user_id, amount in self._left.items():
            user = {"S": user_id}
            booked = {"N": btc_text(amount)}
            key = partition(header.transaction_id, user_id, header.shards)
            at = {"S": moment_text(self._moment_of(user_id))}
            own = {"transaction_id": {"S": key}, "user_id": user, "amount": booked, "committed_at": at}
            put = {
                "TableName": transactions,
                "Item": {**self._common, **own},
                "ConditionExpression": "attribute_not_exists(transaction_id)",
            }
            values = {":amount": booked, ":one": _ONE, ":at": at}
            condition = _MAY_OWE if self._may_be_negative else _LATER
            if amount < 0 and not self._may_be_negative:
                values[":least"] = {"N": btc_text(-amount)}
                condition = _ENOUGH
            update = {
                "TableName": balances,
                "Key": {"user_id": user},
                "UpdateExpression": _ADD,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
            writes += ({"Put": put}, {"Update": update})
        return writes

    def _moment_of(self, user_id: str) -> datetime:
        """When a row is committed: a user's rows follow each other in time, whatever clocks have written them."""
        return max(self._at, self._late.get(user_id, self._at))

    def _settle(self, users: Sequence[str], reasons: Sequence[Reason]) -> None:
        """Find out what refused the transaction, and take it out or wait."""
        if self._meet_rows(users):
            return
        balances = self._balances(
            [user for user, why in zip(users, reasons[1::2], strict=True) if why.code == REFUSED]
        )
        hopeless = {user: why for user, item in balances.items() if (why := self._hopeless(user, item))}
        if hopeless:
            self._fail(hopeless)
            return
        newest = {user: moment(item["updated_at"]["S"]) for user, item in balances.items() if item}
        late = {user: at + _STEP for user, at in newest.items() if at >= self._moment_of(user)}
        if late:
            # each by himself: where one user's newest row was written by a clock that is ahead, no other's is to be
            self._late |= late
            self._at = max(self._at, self._entries._clock())
            return
        # whatever refused it was mended meanwhile
        self._again(Message("balances-change", "{where}: balances change too fast", where=self._where))

    def _meet_rows(self, users: Iterable[str]) -> bool:
        """Take out users whose row is there already; whether there were any."""
        header = self._header
        keys = [row_key(header.transaction_id, user, header.shards) for user in users]
        items = self._requests.get_many(self._tables.transactions, keys)
        for item in items:
            row = to_row(item)
            amount = self._left.pop(row.user_id)
            if row.state is RowState.FAILED:
                self._outcome.failed[row.user_id] = row.reason or ""
            elif row.amount == amount:
                self._outcome.applied += 1
                self._outcome.already += 1
            else:
                raise PermanentFailure(
                    "ledger-differs",
                    "the ledger differs: {transaction} books {booked} BTC for {user}, not {amount}",
                    transaction=header.transaction_id,
                    booked=btc_text(row.amount),
                    user=row.user_id,
                    amount=btc_text(amount),
                )
        return bool(items)

    def _balances(self, users: Sequence[str]) -> dict[str, Item | None]:
        items = self._requests.get_many(self._tables.balances, [user_key(user) for user in users]) if users else []
        there = {item["user_id"]["S"]: item for item in items}
        return {user: there.get(user) for user in users}

    def _hopeless(self, user: str, item: Item | None) -> str | None:
        """Why this user's amount cannot be booked, however often it is tried."""
        if self._may_be_negative:
            return None
        if item is None:
            return NO_BALANCE
        return BELOW_ZERO if satoshi(item["balance"]["N"]) + self._left[user] < 0 > self._left[user] else None

    def _fail(self, hopeless: Mapping[str, str]) -> None:
        for user, why in hopeless.items():
            if not self._note_failures or self._put_failed(user, why):
                del self._left[user]
                self._outcome.failed[user] = why

    def _put_failed(self, user: str, why: str) -> bool:
        """Note a failure; False when another worker has written a row meanwhile, which is to be looked at."""
        item = row_item(self._header.row(user, 0, self._entries._clock(), failed=why))
        self._spend([user])
        return self._requests.put(
            self._where,
            TableName=self._tables.transactions,
            Item=item,
            ConditionExpression="attribute_not_exists(transaction_id)",
        )

    def _one_by_one(self) -> Outcome:
        for row in self._left.items():
            write = _Write(self._entries, self._header, [row], self._may_be_negative, self._note_failures)
            self._outcome.add(write.run())
        return self._outcome

    def _spend(self, users: Sequence[str]) -> None:
        limiter = self._entries._limiter
        if not limiter.limits:
            return
        header = self._header
        units: dict[str, int] = {}
        for user in users:
            key = partition(header.transaction_id, user, header.shards)
            units[key] = units.get(key, 0) + _UNITS
        for key, count in units.items():
            limiter.take(key, count)

    def _again(self, why: Message) -> None:
        self._failures = self._requests.again(self._failures, why)
        self._at = max(self._at, self._entries._clock())


def _common(header: Header) -> dict[str, Any]:
    """Attributes that all booked rows share, made once for all of them."""
    item = row_item(header.row("", 0, header.created_at))
    return {name: item[name] for name in item.keys() - {"transaction_id", "user_id", "amount", "committed_at"}}
