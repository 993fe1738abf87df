"""Every read and write of btc: batches, ledger, users and balances in DynamoDB, sealed plans in the lake.

The ledger is the truth; a balance changes only together with its row. All writes are conditional: a repeated or late
one changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_platform.btc.store.accounts import Accounts, Opening
from batch_platform.btc.store.batches import Batches, BatchPage, IdempotencyKey, LeaseLost
from batch_platform.btc.store.entries import BELOW_ZERO, NO_BALANCE, ROWS_AT_MOST, Entries, Header, Outcome
from batch_platform.btc.store.ledger import Ledger, RowPage
from batch_platform.btc.store.limiter import RateLimiter
from batch_platform.btc.store.names import TABLE_PREFIX, Tables, table_names
from batch_platform.btc.store.plans import PlanDigests, PlanLake
from batch_platform.core.dynamodb import PATIENCE, Requests

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from batch_platform.core.clock import Clock
    from batch_platform.core.objects import Backoff

__all__ = [
    "BELOW_ZERO",
    "NO_BALANCE",
    "ROWS_AT_MOST",
    "TABLE_PREFIX",
    "Accounts",
    "BatchPage",
    "Batches",
    "BtcStore",
    "Header",
    "IdempotencyKey",
    "LeaseLost",
    "Ledger",
    "Opening",
    "Outcome",
    "PlanDigests",
    "PlanLake",
    "RateLimiter",
    "RowPage",
    "Tables",
    "open_store",
    "table_names",
]


@dataclass(frozen=True)
class BtcStore:
    """The stores of one environment, safe to share between threads."""

    batches: Batches
    ledger: Ledger
    accounts: Accounts
    plans: PlanLake


def open_store(
    dynamodb: DynamoDBClient,
    tables: Tables,
    s3: S3Client,
    lake_bucket: str,
    *,
    clock: Clock,
    limiter: RateLimiter | None = None,
    patience: Backoff = PATIENCE,
) -> BtcStore:
    """`limiter` counts the write units of each partition key of the ledger; without one nothing waits."""
    requests = Requests(dynamodb, patience)
    entries = Entries(requests, tables, clock=clock, limiter=limiter or RateLimiter(None))
    return BtcStore(
        batches=Batches(requests, tables),
        ledger=Ledger(requests, tables, entries),
        accounts=Accounts(requests, tables, entries, clock=clock),
        plans=PlanLake(s3, lake_bucket),
    )
