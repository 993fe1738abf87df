"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from batch_platform.core import aws
from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.objects import Backoff
from batch_platform.core.postgres import Pool
from batch_platform.core.progress import Listener, report
from batch_platform.core.workers import is_dead, worker_name
from batch_platform.finops.model import Connection, MonthToAggregate
from batch_platform.finops.store import FinopsStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHARD_BYTES: Final = 256 * 1024 * 1024
"""Compressed bytes one worker takes at a time."""

LEASE: Final = timedelta(minutes=3)
ATTEMPTS: Final = 5
"""How often a file is taken up again after a failure that may pass, before it becomes an ERROR."""


STILL_FOR: Final = timedelta(minutes=15)
"""How long a listing without a manifest must stand still to be taken: what S3 promises for a replication."""

LINE_ITEMS: Final = "finops/cur_line_items/"
COST_SUMMARY: Final = "finops/cost_summary/"
"""Where the lake has them, a folder a month below."""

QUIET: Final = timedelta(minutes=5)
"""How long nothing must have happened in a month before sensor and schedule take it for abandoned."""

LINE_ITEMS_BYTES: Final = 8 * 1024**3
"""Line items of published months that are kept on local disk."""


@dataclass(frozen=True)
class FinopsContext:
    """Clients, clock and identity of one worker.

    `source` gives the S3 client that may read a project's bucket; `still_for`: how long a listing without a manifest
    must stand still; `scratch` is where temporary folders and the cache
    of line items go (None: the system's).
    """

    store: FinopsStore
    lake: S3Client
    lake_bucket: str
    source: Callable[[Connection], S3Client]
    clock: Clock = utc_now
    owner: str = field(default_factory=worker_name)
    lease: timedelta = LEASE
    shard_bytes: int = SHARD_BYTES
    still_for: timedelta = STILL_FOR
    backoff: Backoff = field(default_factory=Backoff)
    scratch: Path | None = None
    line_items_bytes: int = LINE_ITEMS_BYTES
    progress: Listener = report

    def connection(self, project_id: str) -> Connection:
        """The project's connection. Raises `NotFound`."""
        with self.store.transaction() as session:
            return session.project(project_id)

    def enabled_connections(self) -> list[Connection]:
        with self.store.transaction() as session:
            return [connection for connection in session.projects() if connection.enabled]

    def months_to_aggregate(
        self, project_id: str | None = None, *, quiet_for: timedelta = timedelta(0)
    ) -> list[MonthToAggregate]:
        """Months with registered files that nobody works on, oldest first; the files of dead workers are free."""
        now = self.clock()
        self.free_dead_work()
        with self.store.transaction() as session:
            return session.months_to_aggregate(project_id, now=now, quiet_since=now - quiet_for)

    def free_dead_work(self) -> None:
        """Give back the files of workers whose lease ran out, or that are known to be dead."""
        with self.store.autocommit() as session:
            dead = [owner for owner in session.owners() if is_dead(owner)]
            session.return_expired(now=self.clock(), dead_owners=dead)

    def is_published(self, project_id: str, month: date) -> bool:
        with self.store.transaction() as session:
            return session.month(project_id, month) is not None

    def line_items_prefix(self, project_id: str, month: date) -> str:
        """Where the normalised files of a project-month stand in the lake, a folder a version below it."""
        return f"{LINE_ITEMS}{month:%Y-%m}/{project_id}/"

    def cost_summary_prefix(self, project_id: str, month: date) -> str:
        """Where the cost frame of a published project-month stands in the lake."""
        return f"{COST_SUMMARY}{month:%Y-%m}/{project_id}/"


def build_context(
    *,
    pool: Pool,
    lake: S3Client,
    lake_bucket: str,
    settings: aws.AwsSettings,
    still_for: timedelta = STILL_FOR,
) -> FinopsContext:
    """The context of this process: projects are read with their own roles."""
    clients: dict[Connection, S3Client] = {}

    def source(connection: Connection) -> S3Client:
        if connection not in clients:
            session = aws.assumed_session(
                settings,
                role_arn=connection.role_arn,
                external_id=connection.external_id,
                session_name=f"batch-platform-finops-{connection.project_id}",
                region=connection.region,
            )
            clients[connection] = aws.client("s3", settings, using=session)
        return clients[connection]

    return FinopsContext(FinopsStore(pool), lake, lake_bucket, source, still_for=still_for)
