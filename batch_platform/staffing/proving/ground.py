"""A database and a bucket of the proof's own; what is in them is read here by bare statements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from batch_platform.core import aws
from batch_platform.core import postgres as core
from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.outbox.model import Options, Sender
from batch_platform.outbox.service import OutboxContext, build_context
from batch_platform.proving import postgres
from batch_platform.proving.faults import Hazard, disturbed
from batch_platform.proving.ground import Scratch, require_local, scratch_name
from batch_platform.settings import Settings
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.store.originals import Originals

COMMAND: Final = "staffing prove"
ADVERTISING_PER_DAY: Final = 100
"""More than the proof's approaches send: what the cap holds back would depend on the hour."""

_TABLES: Final = (
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('staffing', 'outbox')"
)
_TEMPLATES: Final = {"staffing": "batch_platform.staffing"}
_OPTIONS: Final = Options(
    Sender("no-reply@batch-platform.example", "proof", "東京都"),
    "https://batch-platform.example",
    advertising_per_day=ADVERTISING_PER_DAY,
)


class Ground:
    """Contexts of workers on the proof's own database and bucket, and what is in these."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.url = postgres.database_url(settings, name)
        self.pool: Pool = core.open_pool(self.url, application_name="staffing proof", max_size=24)
        self.undisturbed: dict[Any, dict[str, str]] = {}
        """SHA-256 of each invoice by its number, as an undisturbed run of a case's facts has issued them."""
        self._s3 = aws.client("s3", settings)

    @contextmanager
    def worker(self, clock: Clock, hazard: Hazard | None = None) -> Iterator[StaffingContext]:
        """The context of another worker, of which each commit and each write to S3 passes the hazard."""
        s3 = disturbed(self._s3, hazard) if hazard else self._s3
        with self._pool(hazard) as pool:
            files = Originals(lambda: s3, self.name)
            yield StaffingContext(pool, clock, originals=files, report_files=files)

    @contextmanager
    def outbox(self, clock: Clock, hazard: Hazard | None = None) -> Iterator[OutboxContext]:
        """The same of a worker of the outbox."""
        with self._pool(hazard) as pool:
            yield build_context(
                pool=pool, templates=_TEMPLATES, options=_OPTIONS, key=self.name.encode(), clock=clock
            )

    def rows(self, statement: str) -> list[Any]:
        """The rows of a statement."""
        with core.transaction(self.pool) as connection:
            connection.execute("SET LOCAL search_path = staffing")
            return connection.execute(statement.encode()).fetchall()

    def stored(self, key: str) -> str | None:
        """SHA-256 (hex) of the object under a key; None where there is none."""
        try:
            body = self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return hashlib.sha256(body).hexdigest()

    def clear(self) -> None:
        """Empty tables; what lies in the bucket stays, and is met by nobody."""
        with core.transaction(self.pool) as connection:
            names = ", ".join(name for (name,) in connection.execute(_TABLES.encode()).fetchall())
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())

    @contextmanager
    def _pool(self, hazard: Hazard | None) -> Iterator[Pool]:
        pool = postgres.disturbed_pool(self.url, hazard) if hazard else self.pool
        try:
            yield pool
        finally:
            if hazard:
                pool.close()


@contextmanager
def own_ground(settings: Settings) -> Iterator[Ground]:
    """Database and bucket for the time of a scenario. Raises `Conflict` anywhere but in the local environment."""
    require_local(settings, COMMAND)
    ground = Ground(settings, scratch_name())
    bucket = Scratch(settings, {}, ground.name)
    try:
        postgres.create_database(settings, ground.name)
        bucket.create()
        yield ground
    finally:
        ground.pool.close()
        bucket.drop()
        postgres.drop_database(settings, ground.name)
