"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from batch_platform.core.clock import BUSINESS_ZONE, Clock, utc_now
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.postgres import Pool
from batch_platform.core.progress import Listener, report
from batch_platform.core.workers import worker_name
from batch_platform.zengin.model import Limits
from batch_platform.zengin.service.sources import Drop, drops
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.lake import SnapshotLake
from batch_platform.zengin.store.records import RecordStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

SYSTEM: Final = "system"
"""Who moves records when nobody does: supersession, expiry, the apply run."""


@dataclass(frozen=True)
class ZenginContext:
    """Stores, clients, clock and identity of one worker. Accounts are subjects such as `local:ann`."""

    store: ZenginStore
    records: RecordStore
    lake: SnapshotLake
    s3: S3Client
    bucket: str
    limits: Limits = field(default_factory=Limits)
    clock: Clock = utc_now
    owner: str = field(default_factory=worker_name)
    progress: Listener = report

    def business_date(self) -> date:
        """The JST business date of this moment."""
        return self.clock().astimezone(BUSINESS_ZONE).date()

    def drops(self) -> list[Drop]:
        """What lies under `incoming/`, oldest day first."""
        return drops(self.s3, self.bucket, now=self.clock())


def build_context(
    *,
    pool: Pool,
    dynamodb: DynamoDBClient,
    s3: S3Client,
    lake_bucket: str,
    env: str,
    table: str | None = None,
    limits: Limits | None = None,
    clock: Clock = utc_now,
) -> ZenginContext:
    """The context of this process. `env` is part of the names of bucket and table, unless a `table` is named."""
    bucket = f"{env}-zengin-diff-data"
    return ZenginContext(
        store=ZenginStore(pool),
        records=RecordStore(dynamodb, table or f"zengin-data-diff-{env}", s3, bucket),
        lake=SnapshotLake(s3, lake_bucket),
        s3=s3,
        bucket=bucket,
        limits=limits or Limits(),
        clock=clock,
    )


def database_url(login: Mapping[str, str]) -> str:
    """The URL of a login as Secrets Manager keeps it. Raises `PermanentFailure` for a field that is missing."""
    missing = [name for name in ("username", "password", "host", "database") if not login.get(name)]
    if missing:
        raise PermanentFailure(
            "zengin-secret-incomplete", "the secret of the bank master's database has no {names}", names=list(missing)
        )
    user, password = quote(login["username"], safe=""), quote(login["password"], safe="")
    name, ssl = quote(login["database"], safe=""), quote(login.get("ssl") or "require", safe="")
    return f"postgresql://{user}:{password}@{login['host']}:{login.get('port', '5432')}/{name}?sslmode={ssl}"
