"""Tables and a bucket of the proof's own, beside the user's and of the same make; nothing of the user's is touched.

What is in them is read here by bare scans, not by the stores that are proved.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import polars as pl

from batch_platform.btc import service
from batch_platform.btc.model import Options
from batch_platform.btc.proving.faults import Hazard, disturbed
from batch_platform.btc.proving.oracle import Entry
from batch_platform.btc.service import BtcContext
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import Tables, table_names
from batch_platform.core import aws, objects
from batch_platform.core.clock import Clock
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

PREFIX: Final = "prove"
HEARTBEAT: Final = 3600.0
"""Seconds; the batches of a proof last less, so a worker renews its lease only where a case wants it to."""
START: Final = datetime(2026, 1, 5, tzinfo=UTC)

_LEFT: Final = re.compile(rf"(?P<project>{PREFIX}-(?P<pid>\d+)-[0-9a-f]+)-local-")
_SHARD: Final = re.compile(r"#\d\d$")
_DELETES: Final = 25  # DynamoDB's limit of a batch


class SteppingClock:
    """A clock of all workers of a case: it moves by a millisecond a look, or further when it is told to."""

    def __init__(self) -> None:
        self._now = START
        self._one = threading.Lock()

    def __call__(self) -> datetime:
        with self._one:
            self._now += timedelta(milliseconds=1)
            return self._now

    def pass_by(self, time: timedelta) -> None:
        with self._one:
            self._now += time


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
    """One project's tables with a lake of its own; contexts of workers on them."""

    def __init__(self, settings: Settings, project: str) -> None:
        self.project = project
        self.bucket = project
        self.tables: Tables = table_names(settings.env, project)
        self._settings = settings
        self._dynamodb: DynamoDBClient = aws.client("dynamodb", settings)
        self._s3: S3Client = aws.client("s3", settings)

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
            dynamodb=disturbed(self._dynamodb, hazard) if hazard else self._dynamodb,
            s3=disturbed(self._s3, hazard) if hazard else self._s3,
            lake_bucket=self.bucket,
            env=self._settings.env,
            project=self.project,
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
            for item in self._items(self.tables.transactions)
        )

    def balances(self) -> dict[str, tuple[Decimal, int]]:
        """Balance and version by user."""
        return {
            item["user_id"]["S"]: (Decimal(item["balance"]["N"]), int(item["version"]["N"]))
            for item in self._items(self.tables.balances)
        }

    def batches(self) -> list[Seen]:
        """Every batch, in the order in which they were made."""
        found = [item for item in self._items(self.tables.batches) if "status" in item]
        return [
            _seen(item) for item in sorted(found, key=lambda item: (item["created_at"]["S"], item["batch_id"]["S"]))
        ]

    def locks(self) -> list[str]:
        """The batches that keep others from starting."""
        found = self._items(self.tables.batches)
        return [item["open_batch_id"]["S"] for item in found if item["batch_id"]["S"].startswith("lock#")]

    def sealed(self, batch_id: str, digest: str) -> pl.DataFrame:
        """The sealed plan's file, whatever it holds."""
        key = f"btc/plan/{batch_id}/{digest}.parquet"
        with aws.aws_failures(objects.uri(self.bucket, key)):
            return pl.read_parquet(BytesIO(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()))

    def _items(self, table: str) -> Iterator[Any]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    # making and clearing away

    def create(self) -> None:
        """Tables made as the user's are, and an empty bucket. Raises `NotFound` where the user's are missing."""
        there = vars(table_names(self._settings.env, self._settings.of(BtcSettings).project))
        for kind, name in vars(self.tables).items():
            try:
                with aws.aws_failures(f"table {there[kind]}"):
                    made = self._dynamodb.describe_table(TableName=there[kind])["Table"]
            except NotFound as error:
                raise NotFound(f"table {there[kind]} does not exist: batch-platform provision makes it") from error
            with aws.aws_failures(f"table {name}"):
                self._dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **_shape(made))
        for name in vars(self.tables).values():
            self._dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        with aws.aws_failures(f"bucket {self.bucket}"):
            where: Any = {"LocationConstraint": self._settings.aws_region}
            self._s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)

    def clear(self) -> None:
        """Delete every item; the plans of earlier cases stay, and are met by nobody."""
        for name in vars(self.tables).values():
            keys = [
                part["AttributeName"] for part in self._dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
            ]
            found = [{key: item[key] for key in keys} for item in self._items(name)]
            for first in range(0, len(found), _DELETES):
                deletes: Any = [{"DeleteRequest": {"Key": key}} for key in found[first : first + _DELETES]]
                self._dynamodb.batch_write_item(RequestItems={name: deletes})

    def drop(self) -> None:
        """Remove the tables and the bucket, as far as they are there."""
        for name in vars(self.tables).values():
            with suppress(self._dynamodb.exceptions.ResourceNotFoundException):
                self._dynamodb.delete_table(TableName=name)
        with suppress(NotFound), aws.aws_failures(f"bucket {self.bucket}"):
            for found in list(objects.list_objects(self._s3, self.bucket, "")):
                self._s3.delete_object(Bucket=self.bucket, Key=found.key)
            self._s3.delete_bucket(Bucket=self.bucket)


@contextmanager
def own_ground(settings: Settings) -> Iterator[Ground]:
    """Tables and bucket for the time of a scenario. Raises `Conflict` anywhere but in the local environment."""
    if settings.env != "local":
        raise Conflict(f"btc prove kills workers: it is for the local environment, not for {settings.env}")
    ground = Ground(settings, f"{PREFIX}-{os.getpid()}-{uuid4().hex[:8]}")
    try:
        ground.create()
        yield ground
    finally:
        ground.drop()


def sweep(settings: Settings) -> list[str]:
    """Remove what proofs left that were killed themselves; the projects removed."""
    dynamodb = aws.client("dynamodb", settings)
    with aws.aws_failures("tables"):
        names = [name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    found = {_LEFT.match(name) for name in names}
    left = sorted(one["project"] for one in found if one and not _runs(int(one["pid"])))
    for project in dict.fromkeys(left):
        Ground(settings, project).drop()
    return list(dict.fromkeys(left))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _shape(made: Any) -> Any:
    """Keys and indexes of a table, as another one is created with them."""
    shape = {"AttributeDefinitions": made["AttributeDefinitions"], "KeySchema": made["KeySchema"]}
    indexes = [
        {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        for index in made.get("GlobalSecondaryIndexes", ())
    ]
    return shape | ({"GlobalSecondaryIndexes": indexes} if indexes else {})


def _seen(item: Any) -> Seen:
    return Seen(
        batch_id=item["batch_id"]["S"],
        status=item["status"]["S"],
        numbers={name: Decimal(value["N"]) for name, value in item.items() if "N" in value},
        plan_sha256=item.get("plan_sha256", {"S": None})["S"],
        reverses=item.get("reverses", {"S": None})["S"],
        fencing=int(item.get("fencing", {"N": "0"})["N"]),
    )
