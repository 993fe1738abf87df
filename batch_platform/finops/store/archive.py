"""What leaves the cost tables: archived with its connection, then deleted."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from batch_platform.finops.model import ArchiveReason, PublishedMonth, WithdrawnMonth
from batch_platform.finops.store.costs import month_of
from batch_platform.finops.store.statements import FinopsStatements


class Archive(FinopsStatements):
    """`finops_archives`, `finops_archived_months`, `finops_archived_costs`."""

    def withdraw_month(self, project_id: str, month: date, *, detail: str, now: datetime) -> None:
        """Archive what is published of a month, and delete it."""
        self._archive(project_id, month, ArchiveReason.MONTH_WITHDRAWN, detail, now)
        for name in (
            "delete_summary",
            "delete_service_monthly",
            "delete_anomalies",
            "delete_forecast",
            "delete_month",
        ):
            self._run(name, project_id=project_id, month=month)

    def remove_project(self, project_id: str, *, detail: str, now: datetime) -> None:
        """Archive what is published of a project, and delete all of it."""
        self._archive(project_id, None, ArchiveReason.PROJECT_REMOVED, detail, now)
        self._run("delete_project", project_id=project_id)

    def removed_months(self, project_id: str) -> list[date] | None:
        """The months of the project that had this id and was removed last; None when none was."""
        rows = [row for row in self.archived_months(project_id) if row["reason"] == ArchiveReason.PROJECT_REMOVED]
        if not rows:
            return None
        newest = [row["billing_month"] for row in rows if row["archive_id"] == rows[0]["archive_id"]]
        return sorted(month for month in newest if month is not None)

    def archived_months(self, project_id: str | None) -> list[dict[str, Any]]:
        """What was archived, newest first: a row a month, or one without a month for a project that had none.

        `unblended` has each currency's sum, as text.
        """
        return self._rows("archived_months", project_id=project_id)

    def withdrawn_months(self, project_id: str) -> list[WithdrawnMonth]:
        """Months of the project that are withdrawn now, newest first."""
        rows = self._rows("withdrawn_months", project_id=project_id)
        return [WithdrawnMonth(month_of(row), row["detail"], row["archived_at"]) for row in rows]

    def withdrawn_month(self, project_id: str, month: date) -> PublishedMonth | None:
        """What was published of a month before it was withdrawn; None for another one."""
        months = (known.published for known in self.withdrawn_months(project_id))
        return next((published for published in months if published.month == month), None)

    def _archive(
        self, project_id: str, month: date | None, reason: ArchiveReason, detail: str, now: datetime
    ) -> None:
        [row] = self._rows(
            "archive_project", project_id=project_id, month=month, reason=reason.value, detail=detail, now=now
        )
        self._run("archive_months", **row, project_id=project_id, month=month)
        self._run("archive_costs", **row, project_id=project_id, month=month)
