"""A database of a test's own, with buckets and keys to back it up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg

from batch_platform.core import aws
from batch_platform.settings import Settings
from batch_platform.staffing.backups import folder
from batch_platform.staffing.opening import open_backups
from batch_platform.staffing.service import backups
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.settings import StaffingSettings
from batch_platform_tests.databases import migrated_database

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NIGHT = date(2026, 11, 30)
FILE = "companies/7/職務経歴書 𠮷田.pdf"


@dataclass
class Clock:
    """Says what it was told."""

    now: datetime = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)  # 01:00 in Tokyo

    def __call__(self) -> datetime:
        return self.now

    def night(self, night: date) -> None:
        self.now = datetime(night.year, night.month, night.day, 3, tzinfo=UTC)


@dataclass
class Ground:
    """A database, its buckets and keys."""

    settings: Settings
    context: BackupContext
    clock: Clock
    s3: S3Client
    bucket: str
    remote: str
    files: str

    def run(self, night: date) -> backups.Outcome:
        self.clock.night(night)
        return backups.run(self.context, night)

    def key(self, name: str, night: date = NIGHT, attempt: int = 1) -> str:
        return folder(night, attempt) + name

    def get(self, name: str, night: date = NIGHT, *, bucket: str | None = None) -> bytes:
        return self.s3.get_object(Bucket=bucket or self.remote, Key=self.key(name, night))["Body"].read()

    def put(self, name: str, data: bytes, *, bucket: str | None = None) -> None:
        self.s3.put_object(Bucket=bucket or self.remote, Key=self.key(name), Body=data)

    def execute(self, statement: str, *parameters: Any) -> None:
        with psycopg.connect(self.context.database_url, autocommit=True) as connection:
            connection.execute(statement.encode(), parameters)


@contextmanager
def open_ground(settings: Settings, home: Path) -> Iterator[Ground]:
    """A small database without a backup, two sites, and keys in this home."""
    s3 = aws.client("s3", settings)
    suffix = uuid4().hex[:8]
    names = {kind: f"backup-{kind}-{suffix}" for kind in ("local", "remote", "files")}
    for name in names.values():
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    own = StaffingSettings.model_validate(
        {
            "STAFFING_BACKUP_BUCKET": names["local"],
            "STAFFING_BACKUP_REMOTE_BUCKET": names["remote"],
            "STAFFING_FILES_BUCKET": names["files"],
            "STAFFING_BACKUP_KEEP_VERIFIED": "2",
        }
    )
    with migrated_database(settings, "backup") as url:
        given = settings.model_copy(update={"database_url": type(settings.database_url)(url), "home": home}).having(
            own
        )
        clock = Clock()
        with open_backups(given, clock=clock) as context:
            made = Ground(given, context, clock, s3, names["local"], names["remote"], names["files"])
            made.execute(
                "INSERT INTO staffing.companies (company_id, name) "
                "SELECT n::text, 'E' || chr(134071) || n FROM generate_series(1, 50) AS n"
            )
            made.execute(
                "INSERT INTO staffing.files (id, company_id, name, bytes, object_key) VALUES "
                "('1', '7', 'a', 3, %s), ('2', '7', 'b', 3, 'lost')",
                FILE,
            )
            s3.put_object(Bucket=made.files, Key=FILE, Body=b"pdf")
            yield made
