"""What the tests of core share: a database of their own, a bucket, and the S3 endpoint behind a fault proxy."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from batch_platform.core import aws, postgres
from batch_platform.settings import Settings
from batch_platform_tests.databases import empty_database
from batch_platform_tests.fault_proxy import FaultProxy


@pytest.fixture
def database_url(settings: Settings) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    with empty_database(settings, "core") as url:
        yield url


@pytest.fixture
def connection(settings: Settings) -> Iterator[postgres.Connection]:
    """A connection whose work is rolled back."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    with postgres.connect(url, application_name="core-tests") as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def bucket(settings: Settings) -> str:
    name = f"core-{uuid4().hex}"
    aws.client("s3", settings).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"}
    )
    return name


@pytest.fixture
def proxy(settings: Settings) -> Iterator[FaultProxy]:
    assert settings.aws_endpoint_url is not None
    with FaultProxy(settings.aws_endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is bound and does not listen: connecting to it is refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
