"""The zengin stores on the session's PostgreSQL, S3 and DynamoDB, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from batch_platform.core import aws, postgres
from batch_platform.core.objects import Backoff
from batch_platform.local import template
from batch_platform.local.provision import TEMPLATE
from batch_platform.local.tables import ensure_table
from batch_platform.settings import Settings
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.lake import SnapshotLake
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.dynamo_proxy import DynamoProxy
from batch_platform_tests.zengin.clock import SteppingClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

BUCKET = "local-zengin-diff-data"
IMPATIENT = Backoff(attempts=4, base=0.0, jitter=lambda: 0.0, sleep=lambda seconds: None)


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture(scope="session")
def shared_pool(provisioned: Settings) -> Iterator[postgres.Pool]:
    assert provisioned.database_url is not None
    pool = postgres.open_pool(provisioned.database_url.get_secret_value(), application_name="zengin tests")
    yield pool
    pool.close()


@pytest.fixture
def pool(shared_pool: postgres.Pool) -> postgres.Pool:
    """The database, its zengin tables empty."""
    empty(shared_pool)
    return shared_pool


def empty(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        tables = connection.execute(
            "SELECT format('zengin.%I', tablename) FROM pg_tables WHERE schemaname = 'zengin'"
        )
        names = ", ".join(name for (name,) in tables.fetchall())
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY".encode())


@pytest.fixture
def store(pool: postgres.Pool) -> ZenginStore:
    return ZenginStore(pool)


@pytest.fixture
def table(provisioned: Settings, dynamodb: DynamoDBClient) -> Iterator[str]:
    """A table of the test's own."""
    with new_table(dynamodb) as name:
        yield name


@contextmanager
def new_table(dynamodb: DynamoDBClient) -> Iterator[str]:
    """An empty table as deploy/aws.yaml has it."""
    [properties] = [
        table
        for table in template.resources(TEMPLATE, "AWS::DynamoDB::Table", {"Env": "local"}).values()
        if table["TableName"] == "zengin-data-diff-local"
    ]
    name = f"zengin-data-diff-{uuid4().hex[:12]}"
    ensure_table(dynamodb, {**properties, "TableName": name})
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def records(dynamodb: DynamoDBClient, table: str, s3: S3Client) -> RecordStore:
    return RecordStore(dynamodb, table, s3, BUCKET)


@pytest.fixture
def lake(provisioned: Settings, s3: S3Client) -> SnapshotLake:
    return SnapshotLake(s3, provisioned.lake_bucket)


@pytest.fixture
def dynamo_proxy(settings: Settings) -> Iterator[DynamoProxy]:
    """DynamoDB behind a proxy that fails on demand."""
    endpoint = settings.aws_endpoint_url_dynamodb or settings.aws_endpoint_url
    assert endpoint is not None
    with DynamoProxy(endpoint) as proxy:
        yield proxy


@pytest.fixture
def distant_records(settings: Settings, dynamo_proxy: DynamoProxy, table: str, s3: S3Client) -> RecordStore:
    """The records of `table`, reached through the proxy."""
    there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamo_proxy.url})
    return RecordStore(aws.client("dynamodb", there, attempts=4), table, s3, BUCKET, patience=IMPATIENT)
