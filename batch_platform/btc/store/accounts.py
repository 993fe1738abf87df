"""Users and their balances: opened, paid in and out, and read all together as of a cut-off.

A balance changes only in the transaction of its ledger row, an opening one too, so that the ledger explains every
balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from batch_platform.btc.items import (
    Item,
    balance_item,
    moment,
    moment_text,
    row_item,
    satoshi,
    to_balance,
    to_user,
    user_item,
    user_key,
)
from batch_platform.btc.model import HOUSE, Balance, LedgerRow, RowState, TransactionType, User, UserStatus
from batch_platform.btc.store.entries import BELOW_ZERO, Entries, Header
from batch_platform.btc.store.ledger import Ledger
from batch_platform.btc.store.names import Tables
from batch_platform.core.clock import Clock
from batch_platform.core.dynamodb import PASSING, REFUSED, Requests, collide, in_threads
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.messages import Message

OPENINGS_AT_MOST: Final = 33
"""Users opened in one transaction of 100 writes: an item in each of three tables."""

SCAN_SCHEMA: Final = {
    "user_id": pl.String(),
    "balance": pl.Int64(),
    "version": pl.Int64(),
    "updated_at": pl.String(),
}


@dataclass(frozen=True)
class Opening:
    """A user to be opened, with satoshi that come from outside."""

    user_id: str
    balance: int
    status: UserStatus


@dataclass(frozen=True)
class AsOf:
    """Balances as of a cut-off, `user_id` and `balance`; those of users `ahead` as they are now.

    Their newest row bears a moment that was still to come.
    """

    balances: pl.DataFrame
    ahead: Mapping[str, datetime]


class Accounts:
    """Reads and writes `users` and `balances`."""

    def __init__(self, requests: Requests, tables: Tables, entries: Entries, *, clock: Clock) -> None:
        self._requests = requests
        self._tables = tables
        self._entries = entries
        self._ledger = Ledger(requests, tables, entries)
        self._clock = clock

    # opening and paying

    def open_many(self, openings: Sequence[Opening], *, created_by: str) -> int:
        """Open users that are not there yet, the house too; how many were new. One that is there stays as it is."""
        for opening in openings:
            if opening.balance < 0 or opening.user_id in ("", HOUSE) or opening.status is UserStatus.HOUSE:
                raise InvalidInput(
                    "user-not-opened",
                    "{user} cannot be opened so",
                    user=opening.user_id or "a user without id",
                    field="user_id",
                )
        accounts = [Opening(HOUSE, 0, UserStatus.HOUSE), *openings]
        parts = [accounts[first : first + OPENINGS_AT_MOST] for first in range(0, len(accounts), OPENINGS_AT_MOST)]
        return sum(in_threads(lambda part: self._open(part, created_by), parts))

    def _open(self, openings: Sequence[Opening], created_by: str) -> int:
        """Those of one transaction; whom it finds is left out of the next attempt."""
        left = {opening.user_id: opening for opening in openings}
        failures = 0
        while left:
            writes = [self._writes(opening, created_by) for opening in left.values()]
            reasons = self._requests.transact([write for of_user in writes for write in of_user], "opening users")
            if not reasons:
                break
            place = 0
            for user_id, of_user in zip(list(left), writes, strict=True):
                codes = {reason.code for reason in reasons[place : place + len(of_user)]}
                place += len(of_user)
                if REFUSED in codes:
                    del left[user_id]
            if {reason.code for reason in reasons} & PASSING:
                failures = self._requests.again(failures, collide("opening users"))
        return len(left.keys() - {HOUSE})

    def _writes(self, opening: Opening, created_by: str) -> list[Any]:
        now = self._clock()
        user_id, booked = opening.user_id, opening.balance
        balance = Balance(user_id, booked, 1 if booked else 0, now)
        absent = "attribute_not_exists(user_id)"
        items = [
            (self._tables.users, user_item(User(user_id, opening.status)), absent),
            (self._tables.balances, balance_item(balance), absent),
        ]
        if booked:
            # one partition key for each user: opening a million of them is not held up by a single key
            row = LedgerRow(f"opening-{user_id}", user_id, booked, TransactionType.DEPOSIT, now, now, created_by)
            items.append((self._tables.transactions, row_item(row), "attribute_not_exists(transaction_id)"))
        return [
            {"Put": {"TableName": table, "Item": item, "ConditionExpression": condition}}
            for table, item, condition in items
        ]

    def deposit(
        self, user_id: str, amount: int, *, transaction_id: str, created_by: str, memo: str | None = None
    ) -> bool:
        """Book an amount in satoshi, negative for a withdrawal; False when this transaction was booked before.

        Raises `NotFound` for a user without a balance, `Conflict` when the balance is too small, and
        `PermanentFailure` when the transaction has another amount.
        """
        if not amount:
            raise InvalidInput("zero-not-booked", "an amount of 0 is not booked", field="amount")
        kind = TransactionType.DEPOSIT if amount > 0 else TransactionType.WITHDRAWAL
        header = Header(transaction_id, kind, self._clock(), created_by, memo)
        outcome = self._entries.write(header, [(user_id, amount)], note_failures=False)
        if why := outcome.failed.get(user_id):
            if why == BELOW_ZERO:
                raise Conflict(
                    "balance-too-small", "the balance of {user} is too small", user=user_id, field="amount"
                )
            raise NotFound("user-without-balance", "{user} has no balance", user=user_id, field="user_id")
        return not outcome.already

    def set_status(self, user_id: str, status: UserStatus) -> None:
        """Suspend, close or activate a user. Raises `NotFound`."""
        made, _ = self._requests.update(
            f"user {user_id}",
            TableName=self._tables.users,
            Key=user_key(user_id),
            UpdateExpression="SET #status = :status",
            ConditionExpression="attribute_exists(user_id)",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": str(status)}},
        )
        if not made:
            raise NotFound("unknown-user", "there is no user {user}", user=user_id, field="user_id")

    # reading

    def users(self, user_ids: Iterable[str]) -> dict[str, User]:
        """Users by id, those that are there."""
        keys = [user_key(user_id) for user_id in dict.fromkeys(user_ids)]
        return {item["user_id"]["S"]: to_user(item) for item in self._requests.get_many(self._tables.users, keys)}

    def balances(self, user_ids: Iterable[str]) -> dict[str, Balance]:
        """Balances by user as they are now, those that are there."""
        keys = [user_key(user_id) for user_id in dict.fromkeys(user_ids)]
        items = self._requests.get_many(self._tables.balances, keys)
        return {item["user_id"]["S"]: to_balance(item) for item in items}

    def scan_users(self) -> pl.DataFrame:
        """`user_id`, `status` of everybody, sorted; the house is among them."""
        names = ("user_id", "status")
        schema = dict.fromkeys(names, pl.String())
        return self._scan(
            self._tables.users,
            names,
            lambda items: pl.DataFrame({name: [item[name]["S"] for item in items] for name in names}, schema=schema),
        )

    def scan_balances(self) -> pl.DataFrame:
        """Every balance as it is now (`SCAN_SCHEMA`), sorted by user; the house's is among them."""
        return self._scan(self._tables.balances, tuple(SCAN_SCHEMA), _balances)

    def balances_at(self, cutoff: datetime) -> AsOf:
        """Every balance as of a moment that has passed; the house's is among them.

        What was committed later is taken back by the ledger. A row of a moment that had not come yet when it was read
        was written by a clock that is ahead: whether it is earlier or later than the cut-off nobody can tell, so
        nothing of that user is taken back, and `ahead` names him. Raises `TransientFailure` when the ledger's index
        lags for long.
        """
        now = self._scan(
            self._tables.balances,
            tuple(SCAN_SCHEMA),
            # page by page: what is ahead is so at the moment of its reading
            lambda items: _balances(items).with_columns(ahead=pl.col("updated_at") > moment_text(self._clock())),
        )
        early = now.filter(pl.col("ahead") & (pl.col("user_id") != HOUSE)).select("user_id", "updated_at")
        ahead = {user: moment(at) for user, at in early.iter_rows()}
        later = now.filter((pl.col("updated_at") > moment_text(cutoff)) & ~pl.col("ahead"))
        booked = in_threads(
            lambda row: self._booked_after(cutoff, *row), later.select("user_id", "version", "updated_at").rows()
        )
        change = pl.DataFrame(
            {"user_id": later.get_column("user_id"), "later": booked},
            schema={"user_id": pl.String(), "later": pl.Int64()},
        )
        then = now.join(change, on="user_id", how="left", maintain_order="left").select(
            "user_id", pl.col("balance") - pl.col("later").fill_null(0)
        )
        return AsOf(then, ahead)

    def _booked_after(self, cutoff: datetime, user_id: str, version: int, updated_at: str) -> int:
        """Satoshi of the rows that are in a balance but were committed after the cut-off."""
        failures = 0
        while True:
            rows = [row for row in self._ledger.all_of_user(user_id) if row.state is RowState.APPLIED]
            known = [row for row in rows if moment_text(row.committed_at) <= updated_at]
            if len(known) == version:
                return sum(row.amount for row in known if row.committed_at > cutoff)
            failures = self._requests.again(
                failures,
                Message(
                    "index-behind", "the ledger's index shows {count} of {rows} rows", count=len(known), rows=version
                ),
            )

    def _scan(
        self, table: str, names: Sequence[str], frame: Callable[[Sequence[Item]], pl.DataFrame]
    ) -> pl.DataFrame:
        """A whole table, made a frame page by page: all items at once may be more than fits into memory."""
        request = {
            "TableName": table,
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(f"#{name}" for name in names),
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
        }
        pages = self._requests.pages("scan", request)
        return pl.concat([frame(page["Items"]) for page in pages]).sort("user_id")


def _balances(items: Sequence[Item]) -> pl.DataFrame:
    columns = {
        "user_id": [item["user_id"]["S"] for item in items],
        "balance": [satoshi(item["balance"]["N"]) for item in items],
        "version": [int(item["version"]["N"]) for item in items],
        "updated_at": [item["updated_at"]["S"] for item in items],
    }
    return pl.DataFrame(columns, schema=SCAN_SCHEMA)
