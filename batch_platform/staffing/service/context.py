"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from dataclasses import dataclass

from batch_platform.core.clock import Clock
from batch_platform.core.postgres import Pool
from batch_platform.staffing.store import StaffingStore
from batch_platform.staffing.store.originals import Originals


@dataclass(frozen=True)
class StaffingContext:
    """The platform's database, the clock, and where the originals of documents and the PDFs of reports lie.

    `invoice_review`: runs leave drafts, which people issue. `report_recipients`: who gets the reports of operators.
    """

    pool: Pool
    clock: Clock
    originals: Originals
    report_files: Originals
    invoice_review: bool = False
    report_recipients: tuple[str, ...] = ()

    @property
    def store(self) -> StaffingStore:
        """Transactions on staffing's tables."""
        return StaffingStore(self.pool)
