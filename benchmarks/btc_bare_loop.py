"""The bare loop: it sends the transactions of the store, written down apart from it, and does nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from batch_platform.btc.items import moment_text
from batch_platform.btc.model import TransactionType
from batch_platform.btc.money import btc_text
from batch_platform.btc.service.apply import WRITERS
from batch_platform.btc.store import ROWS_AT_MOST, Header, RateLimiter, Tables
from batch_platform.btc.store.entries import Entries
from batch_platform.core.clock import utc_now
from batch_platform.core.dynamodb import Requests

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY: Final = "benchmark"
MEMO: Final = "a benchmark"

Row = tuple[str, int]


def book(dynamodb: DynamoDBClient, tables: Tables, transaction_id: str, rows: Sequence[Row]) -> None:
    """Add these amounts to these users' balances, by as many threads as a worker has."""
    common = _common()
    chunks = [rows[first : first + ROWS_AT_MOST] for first in range(0, len(rows), ROWS_AT_MOST)]

    def write(chunk: Sequence[Row]) -> None:
        writes = _writes(tables, transaction_id, chunk, moment_text(utc_now()), common)
        dynamodb.transact_write_items(TransactItems=writes)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, chunks))


def require_the_same_requests(tables: Tables) -> None:
    """What the bare loop sends must be, letter by letter, what the store sends."""
    now = utc_now()
    sent = _Recorder()
    entries = Entries(Requests(sent), tables, clock=lambda: now, limiter=RateLimiter(None))  # type: ignore[arg-type]
    rows = [("user-0000002", 1), ("user-0000003", 105_000_000)]
    entries.write(Header("same", TransactionType.ADJUSTMENT, now, BY, MEMO), rows)
    common = {**_common(), "created_at": {"S": moment_text(now)}}
    if sent.items != _writes(tables, "same", rows, moment_text(now), common):
        raise RuntimeError("the bare loop sends other transactions than the store")


def _writes(tables: Tables, transaction_id: str, rows: Sequence[Row], at: str, common: dict[str, Any]) -> list[Any]:
    """The transaction of one chunk."""
    writes: list[Any] = []
    for user_id, amount in rows:
        row = {"transaction_id": {"S": transaction_id}, "user_id": {"S": user_id}, "amount": {"N": btc_text(amount)}}
        put = {
            "TableName": tables.transactions,
            "Item": {**row, "committed_at": {"S": at}, **common},
            "ConditionExpression": "attribute_not_exists(transaction_id)",
        }
        update = {
            "TableName": tables.balances,
            "Key": {"user_id": row["user_id"]},
            "UpdateExpression": "ADD balance :amount, version :one SET updated_at = :at",
            "ConditionExpression": "updated_at < :at",
            "ExpressionAttributeValues": {":amount": row["amount"], ":one": {"N": "1"}, ":at": {"S": at}},
        }
        writes += ({"Put": put}, {"Update": update})
    return writes


def _common() -> dict[str, Any]:
    texts = {"transaction_type": str(TransactionType.ADJUSTMENT), "created_by": BY, "memo": MEMO}
    return {name: {"S": text} for name, text in {**texts, "created_at": moment_text(utc_now())}.items()}


class _Recorder:
    """A client that keeps the last transaction and sends nothing."""

    items: Any = None

    def transact_write_items(self, *, TransactItems: Any) -> None:
        self.items = TransactItems
