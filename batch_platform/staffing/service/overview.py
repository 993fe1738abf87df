"""How staffing stands now, in a line of figures."""

from __future__ import annotations

from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store.statements import Row


def overview(context: StaffingContext) -> Row:
    """Newest day, night and month of each job with the moment it was written; what waits, has failed, was found."""
    with context.store.snapshot() as session:
        return session.overview()
