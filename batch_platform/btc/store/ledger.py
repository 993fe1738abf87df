"""The ledger: rows of a batch, chunk by chunk, and what it says of a batch or a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from batch_platform.btc.items import Item, partitions, satoshi, to_row
from batch_platform.btc.model import HOUSE, LEDGER_SCHEMA, LedgerRow, RowState
from batch_platform.btc.store.entries import Entries, Header, Outcome, Row
from batch_platform.btc.store.names import USER_INDEX, Tables
from batch_platform.core import cursors
from batch_platform.core.dynamodb import THREADS, Requests, in_threads

_Span = tuple[str | None, str | None]
"""Users from the first one up to the second one, who is left out; None is open."""

_WHOLE: Final[_Span] = (None, None)
_COLUMNS: Final = {"#user": "user_id", "#amount": "amount", "#state": "state", "#reason": "reason"}


@dataclass(frozen=True)
class RowPage:
    """Some rows, and the cursor of the next ones, if there are any."""

    rows: tuple[LedgerRow, ...]
    cursor: str | None


class Ledger:
    """Reads and writes `transactions`; a row never changes once it is there."""

    def __init__(self, requests: Requests, tables: Tables, entries: Entries) -> None:
        self._requests = requests
        self._table = tables.transactions
        self._entries = entries

    def write_chunk(self, header: Header, rows: Sequence[Row]) -> Outcome:
        """Book sealed amounts of a batch, each at most once however often it is called: see `Entries.write`."""
        return self._entries.write(header, rows)

    def write_house(self, header: Header, amount: int) -> Outcome:
        """Book the other side of a batch, minus the sum of its applied amounts. The house may owe."""
        return self._entries.write(header, [(HOUSE, amount)], may_be_negative=True)

    def rows(self, transaction_id: str, shards: int, users: pl.Series | None = None) -> pl.DataFrame:
        """All rows of a batch as they are now (`LEDGER_SCHEMA`), sorted by user; the house's is among them.

        A single partition key is read by several readers at once where its `users` are known, sorted, at least by and
        large: each reads from one of them up to another.
        """
        spans = _spans(users) if users is not None and shards == 1 else [_WHOLE]
        parts = [(key, span) for key in partitions(transaction_id, shards) for span in spans]
        return pl.concat(in_threads(lambda part: self._rows(*part), parts)).sort("user_id")

    def _rows(self, key: str, span: _Span) -> pl.DataFrame:
        request = {
            **_within(self._partition(key), span),
            "ProjectionExpression": ", ".join(_COLUMNS),
            "ExpressionAttributeNames": _COLUMNS,
        }
        rows = pl.concat([_frame(page["Items"]) for page in self._requests.pages("query", request)])
        return rows if span[1] is None else rows.filter(pl.col("user_id") != span[1])

    def totals(self) -> pl.DataFrame:
        """All rows of each user added up: `user_id`, `amount` in satoshi, sorted. Reads the whole table."""
        request = {
            "TableName": self._table,
            "ConsistentRead": True,
            "ProjectionExpression": "#user, #amount",
            "ExpressionAttributeNames": {"#user": "user_id", "#amount": "amount"},
        }
        # a frame of each page: the items of the whole table may be more than fits into memory
        pages = [_amounts(page["Items"]) for page in self._requests.pages("scan", request)]
        return pl.concat(pages).group_by("user_id").agg(pl.col("amount").sum()).sort("user_id")

    def page(self, transaction_id: str, shards: int, *, limit: int, cursor: str | None = None) -> RowPage:
        """Rows of a batch in the order of the users, shard after shard, without the house's."""
        keys = partitions(transaction_id, shards)
        shard, after = _place(cursor, len(keys))
        rows: list[LedgerRow] = []
        while shard < len(keys):
            items, after = self._some(keys[shard], after, limit - len(rows))
            rows += [to_row(item) for item in items]
            if after is None:
                shard += 1
            if len(rows) >= limit:
                more = shard < len(keys)
                then = cursors.encode({"shard": shard, "after": after or ""}) if more else None
                return RowPage(tuple(rows), then)
        return RowPage(tuple(rows), None)

    def _some(self, key: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Rows of one partition key after a user, and the user to go on after, if there may be more."""
        place = None if after is None else {"transaction_id": {"S": key}, "user_id": {"S": after}}
        page = self._requests.page("query", {**self._partition(key), "Limit": limit}, place)
        last = page.get("LastEvaluatedKey")
        rows = [item for item in page["Items"] if item["user_id"]["S"] != HOUSE]
        return rows, last["user_id"]["S"] if last else None

    def history(self, user_id: str, *, limit: int, cursor: str | None = None) -> RowPage:
        """A user's rows of all kinds, the newest first. The index lags: a row of this instant may be missing."""
        request = {**_of_user(self._table, user_id), "ScanIndexForward": False, "Limit": limit}
        place = cursors.decode(cursor, transaction_id=str, committed_at=str)
        start = {**{name: {"S": text} for name, text in place.items()}, "user_id": {"S": user_id}} if place else None
        page = self._requests.page("query", request, start)
        last = page.get("LastEvaluatedKey")
        names = ("transaction_id", "committed_at")
        then = cursors.encode({name: last[name]["S"] for name in names}) if last else None
        return RowPage(tuple(to_row(item) for item in page["Items"]), then)

    def all_of_user(self, user_id: str) -> list[LedgerRow]:
        """Every row of a user that the index shows, in the order in which they were committed."""
        return [to_row(item) for item in self._requests.items("query", _of_user(self._table, user_id))]

    def _partition(self, key: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "transaction_id = :key",
            "ExpressionAttributeValues": {":key": {"S": key}},
        }


def _spans(users: pl.Series) -> list[_Span]:
    """As many parts as there are readers, of about the same number of users."""
    cuts = sorted({users[len(users) * part // THREADS] for part in range(1, THREADS)}) if len(users) else []
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _within(request: Mapping[str, Any], span: _Span) -> dict[str, Any]:
    """A query's request for a span; the only condition with two bounds is BETWEEN, which takes in both of them."""
    first, beyond = span
    condition = {
        (False, False): "",
        (False, True): " AND user_id < :beyond",
        (True, False): " AND user_id >= :first",
        (True, True): " AND user_id BETWEEN :first AND :beyond",
    }[first is not None, beyond is not None]
    bounds = {name: {"S": user} for name, user in ((":first", first), (":beyond", beyond)) if user is not None}
    return {
        **request,
        "KeyConditionExpression": request["KeyConditionExpression"] + condition,
        "ExpressionAttributeValues": {**request["ExpressionAttributeValues"], **bounds},
    }


def _frame(items: Sequence[Item]) -> pl.DataFrame:
    """`LEDGER_SCHEMA` of items; one that was booked has no `state`."""
    applied = {"S": str(RowState.APPLIED)}
    columns = {
        "user_id": [item["user_id"]["S"] for item in items],
        "amount": [satoshi(item["amount"]["N"]) for item in items],
        "state": [item.get("state", applied)["S"] for item in items],
        "reason": [item["reason"]["S"] if "reason" in item else None for item in items],
    }
    return pl.DataFrame(columns, schema=LEDGER_SCHEMA)


def _amounts(items: Sequence[Item]) -> pl.DataFrame:
    columns = {
        "user_id": [item["user_id"]["S"] for item in items],
        "amount": [satoshi(item["amount"]["N"]) for item in items],
    }
    return pl.DataFrame(columns, schema={"user_id": pl.String(), "amount": pl.Int64()})


def _of_user(table: str, user_id: str) -> dict[str, Any]:
    return {
        "TableName": table,
        "IndexName": USER_INDEX,
        "KeyConditionExpression": "user_id = :user",
        "ExpressionAttributeValues": {":user": {"S": user_id}},
    }


def _place(cursor: str | None, shards: int) -> tuple[int, str | None]:
    place = cursors.decode(cursor, shard=int, after=str)
    if not place:
        return 0, None
    if not 0 <= place["shard"] < shards:
        raise cursors.foreign()
    return place["shard"], place["after"] or None
