"""What backups are made with: the database, the buckets, the keys and PostgreSQL's programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.core.workers import worker_name
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.store import StaffingStore
from batch_platform.staffing.store.backup_programs import Programs
from batch_platform.staffing.store.backup_sites import Site

if TYPE_CHECKING:
    from pyrage.x25519 import Identity

LEASE: Final = timedelta(seconds=60)


@dataclass(frozen=True)
class BackupContext:
    """`sites` are where backups lie, the remote one last; `files` is the bucket that is backed up.

    `recipients` are public keys of age. `identities` reads the private ones, which only proof and restoration need.
    """

    pool: Pool
    clock: Clock
    database_url: str = field(repr=False)
    environment: str
    sites: tuple[Site, ...]
    files: Site
    recipients: tuple[str, ...]
    identities: Callable[[], Sequence[Identity]]
    programs: Programs
    keep_verified: int
    worker: str = field(default_factory=worker_name)

    @property
    def store(self) -> StaffingStore:
        """Transactions on staffing's tables."""
        return StaffingStore(self.pool)

    @property
    def tonight(self) -> date:
        """The Tokyo day of now."""
        return business_day(self.clock())
