"""What the overview is made of."""

from __future__ import annotations

from batch_platform.staffing.store.statements import Row, StaffingStatements


class Overview(StaffingStatements):
    """One row of figures."""

    def overview(self) -> Row:
        """`status_day`, `status_at` and so on of each job; counts of what waits, has failed or was found."""
        [row] = self._rows("overview")
        return row
