"""The web app with the zengin part alone, on the session's services, and callers of every role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from batch_platform import migrations
from batch_platform.core import aws, postgres
from batch_platform.local.tables import ensure_table
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform.zengin import service
from batch_platform.zengin.model import Changeset, Limits, Record
from batch_platform.zengin.service import ZenginContext, build_context
from batch_platform.zengin.web import pages
from batch_platform_tests.web.rig import Call, app_of, audited, caller
from batch_platform_tests.web.served import served
from batch_platform_tests.zengin_web.releases import Release

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DAY = date(2026, 11, 20)
# so small a master changes by large shares
PERMISSIVE = Limits(
    bank_additions_percent=900,
    bank_updates_percent=900,
    bank_deletions_percent=90,
    branch_additions_percent=900,
    branch_updates_percent=900,
    branch_deletions_percent=90,
    truncation_banks=50,
    truncation_branches=500,
)


class Clock:
    """Noon of a day in Japan; every look is a millisecond later."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 3, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Master:
    """The bank master of one test: releases go in, changesets come out."""

    context: ZenginContext
    folder: Path
    clock: Clock
    number: int = field(default=0)

    def propose(self, release: Release, *, bootstrap: bool = False) -> Changeset:
        """Take a release as the snapshot of the next day and compare it with the master."""
        self.number += 1
        self.clock.now += timedelta(days=1)
        where = release.write(self.folder / f"release-{self.number}")
        service.take_snapshot(self.context, where, self.context.business_date(), bootstrap=bootstrap)
        return service.propose(self.context, self.context.business_date()).changeset

    def load(self, release: Release) -> None:
        """Fill the empty master."""
        self.approve(self.propose(release, bootstrap=True))
        service.apply(self.context, self.context.business_date())

    def approve(self, changeset: Changeset, *accounts: str) -> None:
        for account in accounts or ("local:first", "local:second"):
            if service.changeset(self.context, changeset.id).status != "pending":
                return
            service.approve_changeset(
                self.context,
                changeset.id,
                by=account,
                payload_hash=changeset.payload_hash,
                count=changeset.counts["rows"],
            )

    def records(self, changeset: Changeset) -> dict[str, Record]:
        """By key."""
        return {record.key or record.id: record for record in service.records_of(self.context, changeset.id)}

    def status(self, record: Record) -> str:
        return service.record(self.context, record.id).status.value


@pytest.fixture(scope="session")
def pool(settings: Settings, s3: S3Client) -> Iterator[postgres.Pool]:
    """The session's database, its schema up to date, and the lake bucket."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    migrations.upgrade(url)
    make_bucket(s3, settings, settings.lake_bucket)
    pool = postgres.open_pool(url, application_name="zengin web tests")
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def environment(settings: Settings, s3: S3Client) -> str:
    """A table and a bucket of these tests' own."""
    name = f"web{uuid4().hex[:8]}"
    dynamodb = aws.client("dynamodb", settings)
    texts = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "timestamp", "status")]
    ensure_table(
        dynamodb,
        {
            "TableName": f"zengin-data-diff-{name}",
            "AttributeDefinitions": texts,
            "KeySchema": [
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "timestamp", "KeyType": "RANGE"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "StatusIndex",
                    "KeySchema": [
                        {"AttributeName": "status", "KeyType": "HASH"},
                        {"AttributeName": "timestamp", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    make_bucket(s3, settings, f"{name}-zengin-diff-data")
    return name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(pool: postgres.Pool, s3: S3Client, settings: Settings, environment: str, clock: Clock) -> ZenginContext:
    """A context whose master is empty."""
    dynamodb = aws.client("dynamodb", settings)
    empty(pool)
    clear(dynamodb, f"zengin-data-diff-{environment}")
    return build_context(
        pool=pool,
        dynamodb=dynamodb,
        s3=s3,
        lake_bucket=settings.lake_bucket,
        env=environment,
        limits=PERMISSIVE,
        clock=clock,
    )


@pytest.fixture
def master(context: ZenginContext, tmp_path: Path, clock: Clock) -> Master:
    return Master(context, tmp_path, clock)


@pytest.fixture(scope="session")
def app(pool: postgres.Pool) -> FastAPI:
    return app_of(pool, pages.PART, pages.CARD)


@pytest.fixture(scope="session")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def approver(app: FastAPI, origin: str, context: ZenginContext) -> Iterator[httpx.Client]:
    """An approver named ann."""
    app.state.zengin = context
    with caller(origin, Role.APPROVER, "ann") as client:
        yield client


@pytest.fixture
def colleague(approver: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    """An approver named bob."""
    with caller(origin, Role.APPROVER, "bob") as client:
        yield client


@pytest.fixture
def viewer(approver: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.VIEWER) as client:
        yield client


@pytest.fixture
def operator(approver: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.OPERATOR) as client:
        yield client


@pytest.fixture
def audit_rows(pool: postgres.Pool) -> Call:
    """What was written of a target since the test began: ids are made of content, so other tests have the same."""
    with postgres.transaction(pool) as connection:
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM web.audit_log").fetchone()

    return lambda target: audited(pool, target, after=newest[0] if newest else 0)


def make_bucket(s3: S3Client, settings: Settings, name: str) -> None:
    if name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        place: Any = {"LocationConstraint": settings.aws_region}
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)


def empty(pool: postgres.Pool) -> None:
    """Forget everything of the bank master in Postgres."""
    with postgres.transaction(pool) as connection:
        names = connection.execute(
            "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'zengin'"
        ).fetchone()
        assert names is not None
        connection.execute(f"TRUNCATE {names[0]} CASCADE")


def clear(dynamodb: Any, table: str) -> None:
    """Forget every record."""
    keys = {"ProjectionExpression": "id, #at", "ExpressionAttributeNames": {"#at": "timestamp"}}
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, **keys):
        for first in range(0, len(page["Items"]), 25):
            part = [{"DeleteRequest": {"Key": key}} for key in page["Items"][first : first + 25]]
            dynamodb.batch_write_item(RequestItems={table: part})
