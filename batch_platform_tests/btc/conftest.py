"""The btc stores on the session's DynamoDB and S3, with tables of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from batch_platform.btc.store import BtcStore, Tables, open_store, table_names
from batch_platform.core import aws
from batch_platform.core.objects import Backoff
from batch_platform.local import template
from batch_platform.local.provision import TEMPLATE
from batch_platform.local.tables import ensure_table
from batch_platform.settings import Settings
from batch_platform_tests.btc.clock import NOW, SteppingClock
from batch_platform_tests.btc.service_tools import Stage
from batch_platform_tests.dynamo_proxy import DynamoProxy

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

__all__ = ["IMPATIENT", "NOW", "SteppingClock"]

IMPATIENT = Backoff(attempts=4, base=0.0, jitter=lambda: 0.0, sleep=lambda seconds: None)


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture(scope="session")
def own_tables(provisioned: Settings, dynamodb: DynamoDBClient) -> Tables:
    """Tables of these tests' own, as deploy/aws.yaml has them."""
    table_prefix = f"test-{uuid4().hex[:12]}"
    parameters = {"Env": "local", "Project": table_prefix}
    for table in template.resources(TEMPLATE, "AWS::DynamoDB::Table", parameters).values():
        if table["TableName"].startswith(table_prefix):
            ensure_table(dynamodb, table)
    return table_names("local", table_prefix)


@pytest.fixture
def tables(own_tables: Tables, dynamodb: DynamoDBClient) -> Iterator[Tables]:
    """The tables, empty again after each test: making new ones takes longer."""
    yield own_tables
    for name in vars(own_tables).values():
        keys = [part["AttributeName"] for part in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
        items = dynamodb.scan(TableName=name)["Items"]
        for first in range(0, len(items), 25):
            deletes: Any = [
                {"DeleteRequest": {"Key": {key: item[key] for key in keys}}} for item in items[first : first + 25]
            ]
            dynamodb.batch_write_item(RequestItems={name: deletes})


@pytest.fixture
def store(
    dynamodb: DynamoDBClient, tables: Tables, s3: S3Client, provisioned: Settings, clock: SteppingClock
) -> BtcStore:
    return open_store(dynamodb, tables, s3, provisioned.lake_bucket, clock=clock)


@pytest.fixture
def dynamo_proxy(settings: Settings) -> Iterator[DynamoProxy]:
    """DynamoDB behind a proxy that fails on demand."""
    endpoint = settings.aws_endpoint_url_dynamodb or settings.aws_endpoint_url
    assert endpoint is not None
    with DynamoProxy(endpoint) as proxy:
        yield proxy


@pytest.fixture
def distant(
    settings: Settings,
    dynamo_proxy: DynamoProxy,
    tables: Tables,
    s3: S3Client,
    provisioned: Settings,
    clock: SteppingClock,
) -> BtcStore:
    """The same tables, reached through the proxy."""
    there = settings.model_copy(update={"aws_endpoint_url_dynamodb": dynamo_proxy.url})
    client = aws.client("dynamodb", there, attempts=4)
    return open_store(client, tables, s3, provisioned.lake_bucket, clock=clock, patience=IMPATIENT)


@pytest.fixture
def stage(
    dynamodb: DynamoDBClient, tables: Tables, s3: S3Client, provisioned: Settings, clock: SteppingClock
) -> Stage:
    """The use cases on the same tables."""
    return Stage(dynamodb, tables, s3, provisioned.lake_bucket, clock)
