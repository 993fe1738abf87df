"""Statuses by day: as facts say, and as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from batch_platform.staffing.store.statements import Row, StaffingStatements


class Statuses(StaffingStatements):
    """A day is staged in a temporary table beside what stands; differences are read, and written, from there."""

    def statuses(self, day: date, known_at: datetime | str) -> list[Row]:
        """`engineer_id`, `status`, `reason`, `until` of every engineer by what was recorded up to a moment."""
        return self._rows("statuses", day=day, known_at=known_at)

    def statuses_page(
        self,
        day: date,
        known_at: datetime | str,
        *,
        status: str | None,
        company_ids: Sequence[str] | None,
        search: str | None,
        after: str | None,
        limit: int,
    ) -> list[Row]:
        """As `statuses`, with `name`, `company_id` and `company`, after an engineer."""
        filters = {"status": status, "company_ids": company_ids and list(company_ids), "search": search}
        return self._rows("statuses_page", day=day, known_at=known_at, **filters, after=after, limit=limit)

    def counts_on(self, day: date, known_at: datetime | str) -> dict[str, int]:
        """Engineers by status, by what was recorded up to a moment."""
        return {row["status"]: row["engineers"] for row in self._rows("counts_on", day=day, known_at=known_at)}

    def lock_statuses(self) -> None:
        """Wait until nobody else writes statuses, to the end of the transaction."""
        self._run("lock_statuses")

    def status_day(self, day: date) -> Row | None:
        """The row of a day that is written."""
        return next(iter(self._rows("status_day", day=day)), None)

    def next_status_day(self, day: date) -> date | None:
        """The first written day after this one."""
        next_day: date | None = self._value("next_status_day", day=day)
        return next_day

    def missing_status_days(self, today: date) -> list[date]:
        """Days up to today that are not written, from the first written one on, in order."""
        return [row["day"] for row in self._rows("missing_status_days", today=today)]

    def is_recorded_after(self, at: datetime) -> bool:
        """Whether anything of assignments was recorded after a moment."""
        recorded: bool = self._value("is_recorded_after", at=at)
        return recorded

    def stage_statuses(self, day: date, known_at: datetime | str) -> None:
        """Every engineer's status by what was recorded up to a moment, beside what stands."""
        self._run("have_room")
        self._run("unstage_statuses")
        self._run("stage_statuses", day=day, known_at=known_at)

    def transitions(self) -> list[Row]:
        """`engineers` by `previous` and `status`, of what is staged; unchanged ones too."""
        return self._rows("transitions")

    def changes_of(self, day: date, at: datetime, *, limit: int) -> list[Row]:
        """The first changes and corrections of a day that were written at a moment."""
        return self._rows("changes_of", day=day, at=at, limit=limit)

    def write_as_known(self, day: date, known_at: datetime, at: datetime) -> None:
        """What is staged as revision 0 of a day; later days keep what they say."""
        next_day = self.next_status_day(day)
        if next_day is not None:
            self._run("carry_over", next_day=next_day, at=at)
        self._run("write_changes", day=day, correcting=False, at=at)
        self._run("write_status_day", day=day, known_at=known_at, at=at)

    def write_corrections(self, day: date, at: datetime) -> int:
        """What is staged as corrections of a written day; how many."""
        written = self._run("write_changes", day=day, correcting=True, at=at)
        if written:
            self._run("mark_corrected", day=day, at=at)
        return written

    def set_engineers_status(self, day: date) -> int:
        """The status of engineers, where the staged one is another; how many."""
        return self._run("set_engineers_status", day=day)

    def status_counts(self, after: date, until: date) -> list[Row]:
        """`day`, `engineers` and `counts` of written days in (after, until], in order."""
        return self._rows("status_counts", after=after, until=until)

    def standing_counts(self, day: date) -> dict[str, Any]:
        """Engineers by status as known on a day, out of the changes."""
        return {row["status"]: row["engineers"] for row in self._rows("standing_counts", day=day)}
