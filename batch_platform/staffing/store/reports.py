"""What a month came to, and the versions of its reports. Months are their first days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from batch_platform.staffing.instants import at_time, day_end
from batch_platform.staffing.months import last_day
from batch_platform.staffing.store.statements import Row, StaffingStatements, rows_of

_FILTERS: Final = ("id", "month", "kind", "state", "company_ids", "for_operators")


class Reports(StaffingStatements):
    """Each read is one statement, whatever the number of companies."""

    def lock_reports(self, month: date) -> None:
        """One writes a month's reports at a time."""
        self._run("lock_reports", month=month)

    def report_companies(self, month: date) -> list[str]:
        """Companies that existed in the month, by id."""
        return [row["company_id"] for row in self._rows("report_companies", **_days(month))]

    def companies_named(self, companies: Sequence[str]) -> list[Row]:
        """`company_id`, `name`, `email`."""
        return self._rows("companies_named", companies=list(companies))

    def company_days(self, companies: Sequence[str], first: date, last: date) -> list[Row]:
        """A row a day on which a company existed, by company and day."""
        return self._rows("company_days", companies=list(companies), first=first, last=last)

    def company_features(self, month: date, companies: Sequence[str] | None) -> list[Row]:
        """`company_id`, `feature`, `calls`, most first; of all companies together where none is named."""
        named = None if companies is None else list(companies)
        return self._rows("company_features", companies=named, **_days(month))

    def company_statuses(self, companies: Sequence[str], day: date) -> list[Row]:
        """`company_id`, `status`, `engineers`, as known on the day."""
        return self._rows("company_statuses", companies=list(companies), day=day)

    def busiest_companies(self, month: date, limit: int) -> list[Row]:
        """`name`, `calls`, `logins`, most calls first."""
        return self._rows("busiest_companies", limit=limit, **_days(month))

    def approach_days(self, first: date, last: date) -> list[Row]:
        """`day`, `sent`, `opened`, `replied` of all companies."""
        return self._rows("approach_days", first=first, last=last)

    def activity_days(self, first: date, last: date) -> list[Row]:
        """`day`, `logins`, `skill_sheet_edits`, `approaches_received`, `replies` of all companies."""
        return self._rows("activity_days", first=first, last=last)

    def month_transitions(self, month: date) -> list[Row]:
        """`previous`, `status`, `engineers`, as known on its days, most first."""
        return self._rows("month_transitions", **_days(month))

    def waiting_engineers(self, day: date, limit: int) -> list[Row]:
        """Who waits on the day, `since` when, `or_before`; the longest first."""
        return self._rows("waiting_engineers", day=day, limit=limit)

    def active_engineers(self, month: date, limit: int) -> list[Row]:
        """`edits`, `replies`, `received` of those who did most."""
        moments = {"begin": at_time(month), "end": day_end(last_day(month))}
        return self._rows("active_engineers", limit=limit, **moments)

    def revenue_months(self, first: date, last: date) -> list[Row]:
        """Yen without tax by month, from the first to the last; months without any are left out."""
        return self._rows("revenue_months", first=first, last=last)

    def revenue_companies(self, month: date, before: date) -> list[Row]:
        """`amount` and `before`, yen without tax, the largest first."""
        return self._rows("revenue_companies", month=month, before=before)

    def revenue_plans(self, month: date) -> list[Row]:
        """`price` (yen a month), `contracts`, `amount`."""
        return self._rows("revenue_plans", month=month, last=last_day(month))

    def revenue_credit_notes(self, month: date) -> list[Row]:
        """Those issued in the month."""
        return self._rows("revenue_credit_notes", **_days(month))

    def outstanding(self, day: date) -> list[Row]:
        """`due_date`, `invoices`, `total` (yen with tax) of what is due on the day or later."""
        return self._rows("outstanding", day=day)

    def contracts_not_invoiced(self, month: date) -> int:
        """How many contracts of the month have neither an issued invoice nor nothing due."""
        return int(self._value("contracts_not_invoiced", **_days(month)))

    def newest_reports(
        self, month: date, *, companies: Sequence[str] | None = None, kinds: Sequence[str] | None = None
    ) -> list[Row]:
        """The newest version of each, and whether any was `mailed`; of these companies and kinds where named."""
        named = None if companies is None else list(companies)
        return self._rows(
            "newest_reports", month=month, companies=named, kinds=None if kinds is None else list(kinds)
        )

    def add_reports(self, month: date, rows: Sequence[Row], *, now: datetime) -> None:
        """Versions, and the PDFs of companies among their files in place of the version before."""
        parameters: dict[str, Any] = {"month": month, "rows": rows_of(rows), "now": now}
        self._run("replace_report_files", **parameters)
        self._run("add_reports", **parameters)
        self._run("add_report_files", **parameters)

    def reports_page(
        self, *, after: UUID | None = None, limit: int, every_version: bool = True, **filters: Any
    ) -> list[Row]:
        """Newest first, those that match everything given. `after` is the last one of the page before."""
        given = {**dict.fromkeys(_FILTERS), **filters}
        return self._rows("reports_page", after=after, limit=limit, every_version=every_version, **given)

    def reported_months(self) -> list[date]:
        """Those that have any report."""
        return [row["month"] for row in self._rows("reported_months")]

    def report_mailed(self, report_id: UUID, recipients: Sequence[str]) -> None:
        """The addresses that a version was mailed to."""
        self._run("report_mailed", id=report_id, recipients=list(recipients))


def _days(month: date) -> dict[str, date]:
    return {"first": month, "last": last_day(month)}
