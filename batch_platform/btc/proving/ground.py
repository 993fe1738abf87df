"""Tables and a bucket of the proof's own, beside the user's and of the same make; nothing of the user's is touched.

What is in them is read here by bare scans, not by the stores that are proved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import polars as pl

from batch_platform.btc import service
from batch_platform.btc.model import Options
from batch_platform.btc.proving.oracle import Entry
from batch_platform.btc.service import BtcContext
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import Tables, table_names
from batch_platform.core import aws, objects
from batch_platform.core.clock import Clock
from batch_platform.proving.faults import Hazard, disturbed
from batch_platform.proving.ground import Scratch, require_local, scratch_name
from batch_platform.settings import Settings

COMMAND: Final = "btc prove"
HEARTBEAT: Final = 3600.0
"""Seconds; the batches of a proof last less, so a worker renews its lease only where a case wants it to."""

_SHARD: Final = re.compile(r"#\d\d$")


@dataclass(frozen=True)
class Seen:
    """What a batch's item says, as DynamoDB has it."""

    batch_id: str
    status: str
    numbers: Mapping[str, Decimal]
    plan_sha256: str | None
    reverses: str | None
    fencing: int


class Ground:
    """Tables of one prefix with a lake of their own; contexts of workers on them."""

    def __init__(self, settings: Settings, table_prefix: str) -> None:
        self.table_prefix = table_prefix
        self.tables: Tables = table_names(settings.env, table_prefix)
        theirs = table_names(settings.env, settings.of(BtcSettings).table_prefix)
        named = dict(zip(vars(theirs).values(), vars(self.tables).values(), strict=True))
        self.scratch = Scratch(settings, named, bucket=table_prefix)
        self._env = settings.env

    def worker(
        self,
        clock: Clock,
        options: Options | None = None,
        *,
        hazard: Hazard | None = None,
        lease: timedelta | None = None,
        heartbeat: float = HEARTBEAT,
    ) -> BtcContext:
        """The context of another worker, of which each request passes the hazard."""
        context = service.build_context(
            dynamodb=disturbed(self.scratch.dynamodb, hazard) if hazard else self.scratch.dynamodb,
            s3=disturbed(self.scratch.s3, hazard) if hazard else self.scratch.s3,
            lake_bucket=self.scratch.bucket,
            env=self._env,
            table_prefix=self.table_prefix,
            options=options or Options(),
            clock=clock,
        )
        return replace(
            context,
            lease=lease or context.lease,
            heartbeat=heartbeat,
            progress=lambda _: None,
        )

    # reading

    def entries(self) -> list[Entry]:
        """Every ledger row, sorted; of a batch whose rows have shards, by its id."""
        return sorted(
            Entry(
                transaction=_SHARD.sub("", item["transaction_id"]["S"]),
                name=item["user_id"]["S"],
                amount=Decimal(item["amount"]["N"]),
                state=item.get("state", {"S": "applied"})["S"],
                reason=item.get("reason", {"S": ""})["S"],
            )
            for item in self.scratch.items(self.tables.transactions)
        )

    def balances(self) -> dict[str, tuple[Decimal, int]]:
        """Balance and version by user."""
        return {
            item["user_id"]["S"]: (Decimal(item["balance"]["N"]), int(item["version"]["N"]))
            for item in self.scratch.items(self.tables.balances)
        }

    def batches(self) -> list[Seen]:
        """Every batch, in the order in which they were made."""
        items = [item for item in self.scratch.items(self.tables.batches) if "status" in item]
        return [
            _seen(item) for item in sorted(items, key=lambda item: (item["created_at"]["S"], item["batch_id"]["S"]))
        ]

    def locks(self) -> list[str]:
        """The batches that keep others from starting."""
        items = self.scratch.items(self.tables.batches)
        return [item["open_batch_id"]["S"] for item in items if item["batch_id"]["S"].startswith("lock#")]

    def sealed(self, batch_id: str, digest: str) -> pl.DataFrame:
        """The sealed plan's file, whatever it holds."""
        key = f"btc/plan/{batch_id}/{digest}.parquet"
        with aws.aws_failures(objects.uri(self.scratch.bucket, key)):
            stored = self.scratch.s3.get_object(Bucket=self.scratch.bucket, Key=key)
            return pl.read_parquet(BytesIO(stored["Body"].read()))


@contextmanager
def own_ground(settings: Settings) -> Iterator[Ground]:
    """Tables and bucket for the time of a scenario. Raises `Conflict` anywhere but in the local environment."""
    require_local(settings, COMMAND)
    ground = Ground(settings, scratch_name())
    try:
        ground.scratch.create()
        yield ground
    finally:
        ground.scratch.drop()


def _seen(item: Any) -> Seen:
    return Seen(
        batch_id=item["batch_id"]["S"],
        status=item["status"]["S"],
        numbers={name: Decimal(value["N"]) for name, value in item.items() if "N" in value},
        plan_sha256=item.get("plan_sha256", {"S": None})["S"],
        reverses=item.get("reverses", {"S": None})["S"],
        fencing=int(item.get("fencing", {"N": "0"})["N"]),
    )
