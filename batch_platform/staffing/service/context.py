"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from dataclasses import dataclass

from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.staffing.store import StaffingStore


@dataclass(frozen=True)
class StaffingContext:
    """The platform's database, and the clock."""

    pool: Pool
    clock: Clock

    @property
    def store(self) -> StaffingStore:
        """Transactions on staffing's tables."""
        return StaffingStore(self.pool)
