"""A finops context on the session's PostgreSQL and S3, and a project with a bucket of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl
import pytest

from batch_platform import migrations
from batch_platform.core import aws, postgres
from batch_platform.core.objects import Backoff
from batch_platform.finops import service
from batch_platform.finops.model import Connection, Format
from batch_platform.finops.service import AggregateOutcome, FetchOutcome, FinopsContext, PublishOutcome
from batch_platform.finops.store import FinopsStore
from batch_platform.settings import Settings
from batch_platform_tests.fault_proxy import FaultProxy
from batch_platform_tests.finops.bucket import MONTH, CurBucket, focus, line

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

IMPATIENT = Backoff(attempts=4, base=0.0, jitter=lambda: 0.0, sleep=lambda seconds: None)


class SteppingClock:
    """A clock that stands in November 2024 and moves by a millisecond a look, so that no two events tie."""

    def __init__(self, start: datetime = datetime(2024, 11, 10, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


@dataclass
class Project:
    """A registered project, its bucket, and accounts that no other project of the session has."""

    context: FinopsContext
    connection: Connection
    bucket: CurBucket
    account: str
    payer: str

    @property
    def id(self) -> str:
        return self.connection.project_id

    def line(self, kind: str = "Usage", cost: str = "1", more: Any = None, **place: Any) -> dict[str, str]:
        return line(kind, cost, more, **{"account": self.account, "payer": self.payer, **place})

    def focus(self, category: str = "Usage", billed: str = "1", *rest: Any, **place: Any) -> dict[str, str]:
        return focus(category, billed, *rest, **{"account": self.account, "payer": self.payer, **place})

    def fetch(self, month: date = MONTH, *, context: FinopsContext | None = None) -> FetchOutcome:
        return service.fetch_month(context or self.context, self.connection, month)

    def read(
        self, month: date = MONTH, *, context: FinopsContext | None = None, limit: int | None = None
    ) -> AggregateOutcome:
        return service.read_files(context or self.context, project_id=self.id, month=month, limit=limit)

    def publish(self, month: date = MONTH, *, context: FinopsContext | None = None) -> PublishOutcome:
        return service.publish_month(context or self.context, self.connection, month)

    def run(self, month: date = MONTH, *, context: FinopsContext | None = None) -> PublishOutcome:
        """Both batches, as a Dagster run of the month does them."""
        self.fetch(month, context=context)
        self.read(month, context=context)
        return self.publish(month, context=context)

    def files(self, month: date | None = MONTH) -> list[dict[str, Any]]:
        with self.context.store.transaction() as session:
            return session.files(self.id, month=month)

    def statuses(self, month: date = MONTH) -> list[str]:
        """In order of registration and file number."""
        return [file["status"] for file in self.files(month)]

    def rows(self, month: date = MONTH) -> pl.DataFrame:
        """The normalised line items of the newest version, in order of file and row."""
        newest = [file for file in self.files(month) if file["status"] == "DONE"]
        frames = [pl.read_parquet(self.lake(file["line_items_key"])) for file in newest]
        return pl.concat(frames, how="diagonal")

    def lake(self, key: str) -> bytes:
        return self.context.lake.get_object(Bucket=self.context.lake_bucket, Key=key)["Body"].read()

    def reconnect(self, **changes: Any) -> None:
        self.connection = replace(self.connection, **changes)
        service.add_project(self.context, self.connection)


@pytest.fixture(scope="session")
def pool(settings: Settings, s3: S3Client) -> Iterator[postgres.Pool]:
    """The session's database, its schema up to date, and the lake bucket."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    migrations.upgrade(url)
    if settings.lake_bucket not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        place: Any = {"LocationConstraint": settings.aws_region}
        s3.create_bucket(Bucket=settings.lake_bucket, CreateBucketConfiguration=place)
    pool = postgres.open_pool(url, application_name="finops tests")
    yield pool
    pool.close()


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


def context_of(pool: postgres.Pool, s3: S3Client, settings: Settings, clock: SteppingClock) -> FinopsContext:
    return FinopsContext(
        FinopsStore(pool), s3, settings.lake_bucket, source=lambda connection: s3, clock=clock, backoff=IMPATIENT
    )


@pytest.fixture
def context(pool: postgres.Pool, s3: S3Client, settings: Settings, clock: SteppingClock) -> FinopsContext:
    return context_of(pool, s3, settings, clock)


@contextmanager
def projects(context: FinopsContext, s3: S3Client, settings: Settings) -> Iterator[Any]:
    """Call it for a project; at the end all of them are disabled, so that no other test polls them."""
    made: list[Project] = []

    def make(format: Format = Format.CUR_LEGACY, **connection: Any) -> Project:  # noqa: A002
        bucket = CurBucket(s3, settings.aws_region)
        number = uuid4().int
        place = Connection(
            project_id=f"p-{uuid4().hex[:12]}",
            name="A project of a test",
            bucket=bucket.name,
            prefix=bucket.prefix,
            report_name=bucket.report,
            region=settings.aws_region,
            format=format,
            **connection,
        )
        service.add_project(context, place)
        project = Project(context, place, bucket, f"{number % 10**12:012d}", f"{number // 10**13 % 10**12:012d}")
        made.append(project)
        return project

    yield make
    for project in made:
        project.reconnect(enabled=False)


@pytest.fixture
def make_project(context: FinopsContext, s3: S3Client, settings: Settings) -> Iterator[Any]:
    with projects(context, s3, settings) as make:
        yield make


@pytest.fixture(scope="module")
def common(pool: postgres.Pool, s3: S3Client, settings: Settings) -> Iterator[Project]:
    """A project of the module's own, which its tests fill once and then only read."""
    with projects(context_of(pool, s3, settings, SteppingClock()), s3, settings) as make:
        yield make()


@pytest.fixture
def project(make_project: Any) -> Project:
    return make_project()


@pytest.fixture
def proxy(settings: Settings) -> Iterator[FaultProxy]:
    assert settings.aws_endpoint_url is not None
    with FaultProxy(settings.aws_endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def through_proxy(context: FinopsContext, proxy: FaultProxy, settings: Settings) -> FinopsContext:
    """The context whose source buckets are reached through the proxy; the lake is not."""
    client = aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=1)
    return replace(context, source=lambda connection: client)
