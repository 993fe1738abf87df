"""How far a batch has come, exactly: noted in the very transaction that books a chunk.

The chunks of a batch are dealt to `LANES` lanes, chunk 0 to the first, chunk 1 to the second, and so on. A lane is
sent in its order, a chunk only when the one before is in the ledger. So its checkpoint, the newest chunk that one
transaction booked, says that all before it in the lane are there too. One lane has one writer, so no two
transactions meet at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from batch_platform.btc.items import batch_key
from batch_platform.btc.model import Batch
from batch_platform.btc.store.names import Tables
from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.dynamodb import Requests

LANES: Final = 4
_KEPT: Final = timedelta(days=7)
"""After that DynamoDB drops it. Without a checkpoint chunks are sent again, and found in the ledger."""


class Checkpoints:
    """Items of `batch-operations` beside the batch; they are in none of its indexes."""

    def __init__(self, requests: Requests, tables: Tables) -> None:
        self._requests = requests
        self._table = tables.batches

    def mark(self, batch: Batch, chunk: int) -> Mapping[str, Any]:
        """The write to put into the transaction of this chunk."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(batch.batch_id, chunk % LANES),
                "UpdateExpression": "SET chunk = :chunk, #ttl = :ttl",
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                "ExpressionAttributeValues": {
                    ":chunk": {"N": str(chunk)},
                    ":ttl": {"N": str(int((batch.created_at + _KEPT).timestamp()))},
                },
            }
        }

    def read(self, batch_id: str) -> dict[int, int]:
        """The newest chunk of each lane that has come to one."""
        found = self._requests.get_many(self._table, [_key(batch_id, lane) for lane in range(LANES)])
        chunks = [int(item["chunk"]["N"]) for item in found]
        return {chunk % LANES: chunk for chunk in chunks}

    @staticmethod
    def first_left(reached: Mapping[int, int]) -> int:
        """The first chunk that is not known to be in the ledger, by what `read` found."""
        return min(reached.get(lane, lane - LANES) + LANES for lane in range(LANES))

    def forget(self, batch_id: str) -> None:
        """Whoever works on the batch next sends every chunk."""
        for lane in range(LANES):
            with aws_failures(f"batch {batch_id}"):
                self._requests.client.delete_item(TableName=self._table, Key=_key(batch_id, lane))


def _key(batch_id: str, lane: int) -> Mapping[str, Any]:
    return batch_key(f"checkpoint#{batch_id}#{lane}/{LANES}")
