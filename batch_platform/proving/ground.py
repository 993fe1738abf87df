"""Tables and a bucket of the proof's own, beside the user's and of the same make; nothing of the user's is touched.

What a proof makes bears its process in its name, so that what a killed one left is known and swept.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from batch_platform.core import aws, objects
from batch_platform.core.failures import Conflict, NotFound
from batch_platform.proving import postgres
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

START: Final = datetime(2026, 1, 5, tzinfo=UTC)

_PREFIX: Final = "prove"
_NAME: Final = re.compile(rf"{_PREFIX}-(?P<pid>\d+)-[0-9a-f]+")
_DELETES: Final = 25  # DynamoDB's limit of a batch


class SteppingClock:
    """A clock of all workers of a case: it moves by a millisecond a look, or further when it is told to."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._one = threading.Lock()

    def __call__(self) -> datetime:
        with self._one:
            self._now += timedelta(milliseconds=1)
            return self._now

    def pass_by(self, time: timedelta) -> None:
        with self._one:
            self._now += time


def require_local(settings: Settings, command: str) -> None:
    """Raises `Conflict` anywhere but in the local environment."""
    if settings.env != "local":
        raise Conflict(
            "prove-elsewhere",
            "{command} kills workers: it is for the local environment, not for {env}",
            command=command,
            env=settings.env,
        )


def scratch_name() -> str:
    """What a proof's tables, buckets and databases begin with, told apart from any other's."""
    return f"{_PREFIX}-{os.getpid()}-{uuid4().hex[:8]}"


class Scratch:
    """Tables and a bucket of one proof: `tables` names them by those of the user that they are made after."""

    def __init__(self, settings: Settings, tables: Mapping[str, str], bucket: str) -> None:
        self.dynamodb: DynamoDBClient = aws.client("dynamodb", settings)
        self.s3: S3Client = aws.client("s3", settings)
        self.bucket = bucket
        self._tables = tables
        self._region = settings.aws_region

    def create(self) -> None:
        """Tables made as the user's are, and an empty bucket. Raises `NotFound` where the user's are missing."""
        for there, name in self._tables.items():
            try:
                with aws.aws_failures(f"table {there}"):
                    made = self.dynamodb.describe_table(TableName=there)["Table"]
            except NotFound as error:
                raise NotFound(
                    "table-missing", "table {table} does not exist: batch-platform provision makes it", table=there
                ) from error
            with aws.aws_failures(f"table {name}"):
                self.dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **_shape(made))
        for name in self._tables.values():
            self.dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
        with aws.aws_failures(f"bucket {self.bucket}"):
            where: Any = {"LocationConstraint": self._region}
            self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)

    def items(self, table: str) -> Iterator[Any]:
        """Every item of a table, by a bare scan."""
        for page in self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def clear(self) -> None:
        """Delete every item; what lies in the bucket stays, and is met by nobody."""
        for name in self._tables.values():
            schema = self.dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]
            keys = [part["AttributeName"] for part in schema]
            rows = [{key: item[key] for key in keys} for item in self.items(name)]
            for first in range(0, len(rows), _DELETES):
                deletes: Any = [{"DeleteRequest": {"Key": key}} for key in rows[first : first + _DELETES]]
                self.dynamodb.batch_write_item(RequestItems={name: deletes})

    def drop(self) -> None:
        """Remove the tables and the bucket, as far as they are there."""
        for name in self._tables.values():
            _drop_table(self.dynamodb, name)
        _drop_bucket(self.s3, self.bucket)


def sweep(settings: Settings) -> list[str]:
    """Remove what proofs left that were killed themselves; the names that theirs begin with."""
    dynamodb, s3 = aws.client("dynamodb", settings), aws.client("s3", settings)
    with aws.aws_failures("tables"):
        tables = [name for page in dynamodb.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    with aws.aws_failures("buckets"):
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    kinds: list[tuple[list[str], Callable[[str], None]]] = [
        (tables, partial(_drop_table, dynamodb)),
        (buckets, partial(_drop_bucket, s3)),
        (postgres.databases(settings), partial(postgres.drop_database, settings)),
    ]
    left: dict[str, None] = {}
    for names, drop in kinds:
        for name in sorted(names):
            match = _NAME.match(name)
            if match is not None and not _runs(int(match["pid"])):
                drop(name)
                left[match[0]] = None
    return list(left)


def _drop_table(dynamodb: DynamoDBClient, name: str) -> None:
    with suppress(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.delete_table(TableName=name)


def _drop_bucket(s3: S3Client, name: str) -> None:
    with suppress(NotFound), aws.aws_failures(f"bucket {name}"):
        for stored in list(objects.list_objects(s3, name, "")):
            s3.delete_object(Bucket=name, Key=stored.key)
        s3.delete_bucket(Bucket=name)


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
