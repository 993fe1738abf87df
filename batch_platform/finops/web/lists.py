"""The lists of finops, each declared once for API, command line and console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from pydantic import Field

from batch_platform.core import cursors
from batch_platform.finops import service
from batch_platform.finops.budgets import BudgetStatus
from batch_platform.finops.model import Budget, Connection, FileStatus, PublishedMonth
from batch_platform.finops.months import month_start
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.store import Session
from batch_platform.finops.store.costs import RESTATEMENT_SCHEMA
from batch_platform.finops.web.schemas import (
    ArchivedMonth,
    BudgetAnswer,
    FileAnswer,
    MonthAnswer,
    ProjectAnswer,
    ProjectFileAnswer,
    ProjectMonthAnswer,
    RestatementAnswer,
    Totals,
    totals_of,
)
from batch_platform.kit.lists import Columns, List, NoFilters, Paging
from batch_platform.web.api.strict import Month, StrictBool, StrictModel

Row = dict[str, Any]


class OfProject(StrictModel):
    """What belongs to a project."""

    project_id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="A project's id.", examples=["acme"])


class OfAnyProject(StrictModel):
    """What belongs to a project, or to any."""

    project_id: str | None = None


class Files(OfProject):
    """Files of a status or a month, or all."""

    status: FileStatus | None = Field(default=None, description="Only files of this status.")
    month: Month | None = Field(default=None, description="Only files of this billing month.")


class AnyFiles(OfAnyProject):
    """Files that count, or all."""

    all: StrictBool = False


class OfMonth(OfProject):
    """What belongs to a month of a project."""

    month: Month | None = Field(default=None, description="Billing month, YYYY-MM; the newest published.")


@dataclass(frozen=True)
class MonthRow:
    """A published month with its sums."""

    month: PublishedMonth
    totals: Totals


def month_rows(session: Session, project_id: str) -> list[MonthRow]:
    """The project's published months, newest first."""
    totals = session.totals(project_id)
    return [MonthRow(month, totals_of(totals, month)) for month in reversed(session.months(project_id))]


def published(context: FinopsContext, places: Sequence[tuple[str, date]]) -> list[MonthRow]:
    """Those of these projects' months that are published, in their order."""
    with context.store.snapshot() as session:
        rows = [row for project_id in dict(places) for row in month_rows(session, project_id)]
    row_of = {(row.month.project_id, row.month.month): row for row in rows}
    return [row_of[place] for place in places if place in row_of]


def _projects(context: FinopsContext, _: NoFilters, paging: Paging) -> tuple[list[Connection], str | None]:
    after = cursors.decode(paging.cursor, project=str).get("project")
    with context.store.transaction() as session:
        rows = session.projects_page(after=after, offset=paging.offset, limit=paging.limit + 1)
    return cursors.cut(rows, paging.limit, lambda project: {"project": project.project_id})


def _months(context: FinopsContext, filters: OfProject, _: Paging) -> tuple[list[MonthRow], None]:
    with context.store.snapshot() as session:
        session.project(filters.project_id)
        return month_rows(session, filters.project_id), None


def _files(context: FinopsContext, filters: Files, paging: Paging) -> tuple[list[Row], str | None]:
    after = cursors.decode(paging.cursor, month=date, registered=datetime, version=str, file=int)
    with context.store.snapshot() as session:
        session.project(filters.project_id)
        rows = session.files_page(
            filters.project_id,
            month=month_start(filters.month) if filters.month else None,
            status=filters.status,
            after=[after[name] for name in _FILE_PLACE] if after else None,
            offset=paging.offset,
            limit=paging.limit + 1,
        )
    return cursors.cut(rows, paging.limit, lambda row: {name: row[of] for name, of in _FILE_PLACE.items()})


def _any_files(context: FinopsContext, filters: AnyFiles, _: Paging) -> tuple[list[Row], None]:
    with context.store.transaction() as session:
        projects = [session.project(filters.project_id)] if filters.project_id else session.projects()
        rows = [row for project in projects for row in session.files(project.project_id)]
    return [row for row in rows if filters.all or row["status"] != FileStatus.SUPERSEDED], None


def _restatements(context: FinopsContext, filters: OfProject, paging: Paging) -> tuple[list[Row], str | None]:
    after = cursors.decode(
        paging.cursor, **{**dict.fromkeys(_RESTATEMENT_PLACE, str), "detected": datetime, "month": date}
    )
    with context.store.snapshot() as session:
        session.project(filters.project_id)
        rows = session.restatements_page(
            filters.project_id,
            after=[after[name] for name in _RESTATEMENT_PLACE] if after else None,
            offset=paging.offset,
            limit=paging.limit + 1,
        )
    return cursors.cut(rows, paging.limit, lambda row: {name: row[of] for name, of in _RESTATEMENT_PLACE.items()})


def _archive(context: FinopsContext, filters: OfProject, _: Paging) -> tuple[list[Row], None]:
    with context.store.snapshot() as session:
        rows = session.archived_months(filters.project_id)
        if not rows:
            session.project(filters.project_id)
    return rows, None


def _any_archive(context: FinopsContext, filters: OfAnyProject, _: Paging) -> tuple[list[Row], None]:
    with context.store.snapshot() as session:
        return session.archived_months(filters.project_id), None


def _budgets(
    context: FinopsContext, filters: OfMonth, _: Paging
) -> tuple[list[tuple[Budget, BudgetStatus | None]], None]:
    budgets, statuses = service.budget_statuses(
        context, filters.project_id, month_start(filters.month) if filters.month else None
    )
    status_of = {status.budget: status for status in statuses}
    return [(budget, status_of.get(budget)) for budget in budgets], None


_FILE_PLACE: Final = {
    "month": "billing_month",
    "registered": "registered_at",
    "version": "version",
    "file": "file_no",
}
"""What a cursor has of the last file, by its column; so below."""
_RESTATEMENT_PLACE: Final = {
    "detected": "detected_at",
    "month": "billing_month",
    "account": "usage_account_id",
    "service": "service",
    "class": "charge_class",
    "currency": "currency",
}


def _month_name(row: Row) -> str | None:
    return row["billing_month"] and f"{row['billing_month']:%Y-%m}"


def _sums(measure: str) -> Any:
    return lambda row: {currency: f"{sums[measure]:f}" for currency, sums in row.totals.items()}


_MONTH_COLUMNS: Final[Columns] = {
    "project_id": lambda row: row.month.project_id,
    "month": lambda row: f"{row.month.month:%Y-%m}",
    "state": lambda row: row.month.state.value,
    "final_from": lambda row: row.month.final_from,
    "version": lambda row: row.month.version,
    "line_items": lambda row: row.month.row_count,
    "unblended": _sums("unblended"),
    "amortized": _sums("amortized"),
    "warnings": lambda row: [f"{one.name}: {one.description}" for one in row.month.checks if not one.passed],
    "former_connection": lambda row: row.month.of_former_connection,
}

PROJECTS: Final = List(
    filters=NoFilters,
    read=_projects,
    row=ProjectAnswer,
    of=ProjectAnswer.of_project,
    columns={
        "project_id": "project_id",
        "name": "name",
        "location": "location",
        "format": "format",
        "role": "role_arn",
        "accounts": "account_scope",
        "enabled": "enabled",
    },
    empty="no projects; add one with: batch-platform cur projects add",
    paging="offset",
)
MONTHS: Final = List(
    filters=OfProject,
    read=_months,
    row=MonthAnswer,
    of=lambda row: MonthAnswer.of(row.month, totals=row.totals),
    columns=_MONTH_COLUMNS,
    empty="the project has no published month",
    paging=None,
)
PROJECT_MONTHS: Final = replace(
    MONTHS, row=ProjectMonthAnswer, of=lambda row: ProjectMonthAnswer.of(row.month, totals=row.totals)
)
"""The months of several projects."""
FILES: Final = List(
    filters=Files,
    read=_files,
    row=FileAnswer,
    of=FileAnswer.of,
    columns={
        "project_id": "project_id",
        "month": _month_name,
        "status": "status",
        "rows": "row_count",
        "bytes": "size_bytes",
        "attempts": "attempts",
        "object_key": "object_key",
        "error": "error_message",
    },
    empty="no files are registered",
    paging="offset",
)
PROJECT_FILES: Final = List(
    filters=AnyFiles,
    read=_any_files,
    row=ProjectFileAnswer,
    of=ProjectFileAnswer.of,
    columns=FILES.columns,
    empty=FILES.empty,
    paging=None,
)
"""The files of several projects."""
RESTATEMENTS: Final = List(
    filters=OfProject,
    read=_restatements,
    row=RestatementAnswer,
    of=RestatementAnswer.of_row,
    columns={name: name for name in RESTATEMENT_SCHEMA},
    empty="no final month was restated",
    paging="offset",
)
ARCHIVE: Final = List(
    filters=OfProject,
    read=_archive,
    row=ArchivedMonth,
    of=ArchivedMonth.of,
    columns={
        "archive": "archive_id",
        "project_id": "project_id",
        "month": _month_name,
        "state": "state",
        "version": "version",
        "unblended": "unblended",
        "reason": "reason",
        "detail": "detail",
        "archived_at": "archived_at",
    },
    empty="nothing is archived",
    paging=None,
)
PROJECT_ARCHIVE: Final = List(
    filters=OfAnyProject,
    read=_any_archive,
    row=ArchivedMonth,
    of=ArchivedMonth.of,
    columns=ARCHIVE.columns,
    empty=ARCHIVE.empty,
    paging=None,
)
"""What any project had."""
BUDGETS: Final = List(
    filters=OfMonth,
    read=_budgets,
    row=BudgetAnswer,
    of=BudgetAnswer.of_budget,
    columns={"measure": lambda row: row[0].measure, "currency": lambda row: row[0].currency},
    empty="the project has no budget",
    paging=None,
)
