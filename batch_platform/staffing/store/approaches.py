"""Periodic approaches: what is due, and what became of each occurrence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from batch_platform.staffing.store.statements import Row, StaffingStatements, rows_of


class Approaches(StaffingStatements):
    """Ids are as tables hold them."""

    def lock_approaches(self) -> None:
        """Until the transaction ends, nobody else decides."""
        self._rows("lock_approaches")

    def unscheduled_approaches(self, limit: int) -> list[Row]:
        """`approach_id`, `rule`, `decided_until` of those whose next moment is not known."""
        return self._rows("unscheduled_approaches", limit=limit)

    def schedule_approaches(self, schedules: Sequence[Row]) -> None:
        """`approach_id`, `rule`, `next_at` of each."""
        self._run("schedule_approaches", schedules=rows_of(schedules))

    def periodic_approaches(self, *, approach_id: str | None = None, due_at: datetime | None = None) -> list[Row]:
        """All of them, one, or those that are due."""
        return self._rows("periodic_approaches", approach_id=approach_id, due_at=due_at)

    def decide_occurrences(self, occurrences: Sequence[Row], now: datetime) -> list[Row]:
        """What became of each that was not decided before: `state` and how many `engineers` were written to.

        `approach_id`, `scheduled_for`, `action` (deliver, skip, fail), `reason`, `status`, `skills`, `company_ids`.
        """
        return self._rows("decide_occurrences", occurrences=rows_of(occurrences), now=now)

    def occurrences(
        self,
        *,
        approach_id: str | None = None,
        state: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Decided ones, the newest first."""
        at, identity = before or (None, None)
        return self._rows(
            "occurrences", approach_id=approach_id, state=state, before_at=at, before_id=identity, limit=limit
        )
