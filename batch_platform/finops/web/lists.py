"""The lists of finops, each declared once for API, command line and console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from pydantic import Field

from batch_platform.core import cursors
from batch_platform.finops import revisions, service
from batch_platform.finops.budgets import BudgetStatus
from batch_platform.finops.model import Budget, Connection, FileStatus
from batch_platform.finops.months import month_start
from batch_platform.finops.service import FinopsContext, MonthTotals
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
)
from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.web.api.strict import Month, StrictBool, StrictModel

Row = dict[str, Any]

PROJECT: Final = "/{projectId:name}"


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


def _projects(context: FinopsContext, _: NoFilters, paging: Paging) -> tuple[list[Connection], str | None]:
    after = cursors.decode(paging.cursor, project=str).get("project")
    with context.store.transaction() as session:
        rows = session.projects_page(after=after, offset=paging.offset, limit=paging.limit + 1)
    return cursors.cut(rows, paging.limit, lambda project: {"project": project.project_id})


def _months(context: FinopsContext, filters: OfProject, _: Paging) -> tuple[list[MonthTotals], None]:
    return service.published_months(context, filters.project_id), None


def _files(context: FinopsContext, filters: Files, paging: Paging) -> tuple[list[Row], str | None]:
    month = month_start(filters.month) if filters.month else None
    place = {
        "month": ("billing_month", date),
        "registered": ("registered_at", datetime),
        "version": ("version", str),
        "file": ("file_no", int),
    }
    return _paged(context, filters, paging, place, "files_page", month=month, status=filters.status)


def _restatements(context: FinopsContext, filters: OfProject, paging: Paging) -> tuple[list[Row], str | None]:
    place = {
        "detected": ("detected_at", datetime),
        "month": ("billing_month", date),
        "account": ("usage_account_id", str),
        "service": ("service", str),
        "class": ("charge_class", str),
        "currency": ("currency", str),
    }
    return _paged(context, filters, paging, place, "restatements_page")


def _paged(
    context: FinopsContext,
    filters: OfProject,
    paging: Paging,
    place: Mapping[str, tuple[str, type]],
    query: str,
    **narrowed: Any,
) -> tuple[list[Row], str | None]:
    """The rows after the place of the cursor, which has these columns of the last row by name."""
    after = cursors.decode(paging.cursor, **{name: kind for name, (_, kind) in place.items()})
    with context.store.snapshot() as session:
        session.project(filters.project_id)
        rows = getattr(session, query)(
            filters.project_id,
            after=[after[name] for name in place] if after else None,
            offset=paging.offset,
            limit=paging.limit + 1,
            **narrowed,
        )
    return cursors.cut(rows, paging.limit, lambda row: {name: row[column] for name, (column, _) in place.items()})


def _any_files(context: FinopsContext, filters: AnyFiles, _: Paging) -> tuple[list[Row], None]:
    with context.store.transaction() as session:
        projects = [session.project(filters.project_id)] if filters.project_id else session.projects()
        rows = [row for project in projects for row in session.files(project.project_id)]
    return [row for row in rows if filters.all or row["status"] != FileStatus.SUPERSEDED], None


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


def _month_name(row: Row) -> str | None:
    return row["billing_month"] and f"{row['billing_month']:%Y-%m}"


def _sums(measure: str) -> Any:
    return lambda row: {currency: f"{sums[measure]:f}" for currency, sums in row.totals.items()}


def _columns(*same: str, **columns: Any) -> dict[str, Any]:
    """Those that are headed by their fields, then the others."""
    return {**{name: name for name in same}, **columns}


PROJECTS: Final = List(
    filters=NoFilters,
    read=_projects,
    row=ProjectAnswer,
    columns=_columns(
        *("project_id", "name", "location", "format"), role="role_arn", accounts="account_scope", enabled="enabled"
    ),
    empty="no projects; add one with: batch-platform cur projects add",
    paging="offset",
    path="",
    name="list_projects",
    doc="The projects, by id.",
)
MONTHS: Final = List(
    filters=OfProject,
    read=_months,
    row=MonthAnswer,
    of=lambda row: MonthAnswer.of(row.month, totals=row.totals),
    columns=_columns(
        project_id=lambda row: row.month.project_id,
        month=lambda row: f"{row.month.month:%Y-%m}",
        state=lambda row: row.month.state.value,
        final_from=lambda row: row.month.final_from,
        version=lambda row: row.month.version,
        line_items=lambda row: row.month.row_count,
        unblended=_sums("unblended"),
        amortized=_sums("amortized"),
        warnings=lambda row: [f"{check.name}: {check.description}" for check in row.month.checks if not check.passed],
        former_connection=lambda row: row.month.of_former_connection,
    ),
    empty="the project has no published month",
    paging=None,
    path=f"{PROJECT}/months",
    name="list_months",
    doc="The published months, newest first, with state, checks and totals.",
)
PROJECT_MONTHS: Final = replace(
    MONTHS, row=ProjectMonthAnswer, of=lambda row: ProjectMonthAnswer.of(row.month, totals=row.totals)
)
"""The months of several projects; so below."""
FILES: Final[List[FinopsContext, Any, Row]] = List(
    filters=Files,
    read=_files,
    row=FileAnswer,
    columns=_columns(
        "project_id",
        month=_month_name,
        status="status",
        rows="row_count",
        bytes="size_bytes",
        attempts="attempts",
        object_key="object_key",
        error="error_message",
    ),
    empty="no files are registered",
    paging="offset",
    path=f"{PROJECT}/files",
    name="list_files",
    doc="The registered files, newest month and delivery first.",
)
PROJECT_FILES: Final = replace(FILES, filters=AnyFiles, read=_any_files, row=ProjectFileAnswer, paging=None)
RESTATEMENTS: Final = List(
    filters=OfProject,
    read=_restatements,
    row=RestatementAnswer,
    columns=_columns(*RESTATEMENT_SCHEMA),
    empty="no final month was restated",
    paging="offset",
    path=f"{PROJECT}/restatements",
    name="list_restatements",
    doc="Money that changed in months already final, newest first, with the reason.",
)
ARCHIVE: Final[List[FinopsContext, Any, Row]] = List(
    filters=OfProject,
    read=_archive,
    row=ArchivedMonth,
    columns={
        **_columns(archive="archive_id", project_id="project_id", month=_month_name),
        **_columns("state", "version", "unblended", "reason", "detail", "archived_at"),
    },
    empty="nothing is archived",
    paging=None,
    path=f"{PROJECT}/archive",
    name="list_archive",
    doc="Months of this project, or of a removed one of this id, that left the cost tables, newest first.",
)
PROJECT_ARCHIVE: Final = replace(ARCHIVE, filters=OfAnyProject, read=_any_archive)


def budgets_revision(rows: Sequence[tuple[Budget, BudgetStatus | None]]) -> str:
    return revisions.of_budgets([budget for budget, _ in rows])


BUDGETS: Final = List(
    filters=OfMonth,
    read=_budgets,
    row=BudgetAnswer,
    of=lambda row: BudgetAnswer.of(row[0], status=row[1]),
    columns=_columns(measure=lambda row: row[0].measure, currency=lambda row: row[0].currency),
    empty="the project has no budget",
    paging=None,
    revision=budgets_revision,
    path=f"{PROJECT}/budgets",
    name="list_budgets",
    doc="The project's budgets and how a month stands against them: spent so far, and projected for the whole month.",
)

ROUTES: Final = (PROJECTS, MONTHS, FILES, RESTATEMENTS, ARCHIVE, BUDGETS)
