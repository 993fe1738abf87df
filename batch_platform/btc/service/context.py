"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from batch_platform.btc.model import Options
from batch_platform.btc.plan import Summary
from batch_platform.btc.store import BtcStore, RateLimiter, open_store, table_names
from batch_platform.btc.store.batches import LEASE
from batch_platform.btc.store.names import TABLE_PREFIX
from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.ids import Ids, uuid7
from batch_platform.core.progress import Listener, report
from batch_platform.core.workers import worker_name

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

SYSTEM: Final = "system"
"""Who opens the house account, and creates batches when nobody does."""


@dataclass(frozen=True)
class BtcContext:
    """Stores, settings, clock and identity of one worker. Accounts of people are subjects such as `local:ann`."""

    store: BtcStore
    options: Options = field(default_factory=Options)
    clock: Clock = utc_now
    ids: Ids = uuid7
    owner: str = field(default_factory=worker_name)
    lease: timedelta = LEASE
    heartbeat: float = 1.0
    """Seconds between two renewals of a lease, which also save the progress."""
    progress: Listener = report
    sleep: Callable[[float], None] = time.sleep
    summaries: dict[str, Summary] = field(default_factory=dict)
    """Of sealed plans, by hash: a page that is watched asks for the same one every second."""


def build_context(
    *,
    dynamodb: DynamoDBClient,
    s3: S3Client,
    lake_bucket: str,
    env: str,
    table_prefix: str = TABLE_PREFIX,
    options: Options | None = None,
    clock: Clock = utc_now,
) -> BtcContext:
    """The context of this process. `table_prefix` and `env` begin the names of the tables."""
    options = options or Options()
    store = open_store(
        dynamodb,
        table_names(env, table_prefix),
        s3,
        lake_bucket,
        clock=clock,
        limiter=RateLimiter(options.rate_limit),
    )
    return BtcContext(store=store, options=options, clock=clock)
