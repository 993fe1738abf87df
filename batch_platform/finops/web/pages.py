"""Console pages of finops: costs, projects, and what stands behind a project's months. They only show and ask."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.finops import service
from batch_platform.finops.model import Budget, FileStatus
from batch_platform.finops.restatement import restated_months
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.service.audit import DELETE_BUDGET, DISABLE, REQUEUE, SET_BUDGET
from batch_platform.finops.web import api, charts, connection_api, connection_pages, cost_api, cost_pages, words
from batch_platform.finops.web.connection_pages import HOME
from batch_platform.finops.web.context import (
    OPERATE,
    PAGE_ROWS,
    READ,
    WRITE,
    Context,
    RecordOf,
    open_state,
    page,
)
from batch_platform.finops.web.lists import BUDGETS, FILES, RESTATEMENTS
from batch_platform.kit import lists
from batch_platform.kit.domain import WebRoom
from batch_platform.operations.actions import EXECUTE
from batch_platform.operations.web import actions
from batch_platform.operations.web.job_parameters import checked
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem, field_errors, redirect
from batch_platform.web.forms import Form
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Offset, place

CARD_ROWS: Final = 6

NAVIGATION: Final = (
    NavItem(key="costs", label=N_("Costs"), path="/console/costs", permission="finops:read", order=40),
    NavItem(key="projects", label=N_("Cost projects"), path=HOME, permission="finops:read", order=50),
)

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
def projects_page(request: Request, context: Context) -> Response:
    with context.store.snapshot() as session:
        projects = session.projects()
        ids = [project.project_id for project in projects]
        newest = {name: months[-1] for name in ids if (months := session.months(name))}
        errors = {name: session.file_counts(name).get(FileStatus.ERROR, 0) for name in ids}
    return page(request, "projects", projects=projects, newest=newest, errors_of=errors)


@router.get(f"{HOME}/{{project_id}}", dependencies=READ)
def project_page(request: Request, context: Context, project_id: str) -> Response:
    return _project_page(request, context, project_id)


@router.post(f"{HOME}/{{project_id}}/test", dependencies=OPERATE)
def test_connection(request: Request, context: Context, project_id: str) -> Response:
    return _project_page(request, context, project_id, steps=service.test_project(context, project_id))


@router.post(f"{HOME}/{{project_id}}/disable", dependencies=WRITE)
@writes(DISABLE)
def disable_project(request: Request, context: Context, project_id: str, record: RecordOf) -> Response:
    service.disable_project(context, project_id, record=record)
    return redirect(request, f"{HOME}/{project_id}", message=_("The project is disabled; its costs stay."))


@router.post(f"{HOME}/{{project_id}}/batch/{{job_name}}", dependencies=OPERATE)
@writes(EXECUTE)
def start_batch(request: Request, context: Context, project_id: str, job_name: str, form: Form) -> Response:
    context.connection(project_id)
    job = actions.operations_of(request).registry.get(job_name)
    since = {"since": form["since"]} if form["since"] else {}
    parameters = checked(job, {"projectId": project_id, "dryRun": form["dryRun"] == "true", **since})
    try:
        run = actions.start(request, job, parameters, idempotency_key=form["request_id"] or None)
    except PlatformError as error:
        return redirect(request, f"{HOME}/{project_id}", message=error.message, tone="bad")
    return redirect(request, f"/console/runs/{run.run_id}")


@router.post(f"{HOME}/{{project_id}}/budgets", dependencies=WRITE)
@writes(SET_BUDGET)
def set_budget(request: Request, context: Context, project_id: str, form: Form, record: RecordOf) -> Response:
    try:
        amount = service.parse_amount(form["monthly_amount"])
        budget = Budget(project_id, form["measure"], form["currency"].upper(), amount)
        service.set_budget(context, budget, record=record)
    except InvalidInput as error:
        return _project_page(request, context, project_id, values=form, errors=field_errors(error))
    return redirect(request, f"{HOME}/{project_id}", message=_("The budget is set."))


@router.post(f"{HOME}/{{project_id}}/budgets/delete", dependencies=WRITE)
@writes(DELETE_BUDGET)
def delete_budget(request: Request, context: Context, project_id: str, form: Form, record: RecordOf) -> Response:
    service.delete_budget(context, project_id, form["measure"], form["currency"], record=record)
    return redirect(request, f"{HOME}/{project_id}", message=_("The budget is removed."))


@router.get(f"{HOME}/{{project_id}}/files", dependencies=READ)
def files_page(request: Request, context: Context, project_id: str, status: str = "", offset: Offset = 0) -> Response:
    filters = lists.understood(FILES.filters, {"projectId": project_id, "status": status})
    files, following = FILES.read(context, filters, lists.Paging(PAGE_ROWS, offset=offset))
    with context.store.snapshot() as session:
        project, counts = session.project(project_id), session.file_counts(project_id)
    around = place(offset, PAGE_ROWS, more=following is not None)
    return page(request, "files", project=project, counts=counts, filters=filters, files=files, place=around)


@router.post(f"{HOME}/{{project_id}}/files/requeue", dependencies=OPERATE)
@writes(REQUEUE)
def requeue_files(request: Request, context: Context, project_id: str, form: Form, record: RecordOf) -> Response:
    here = f"{HOME}/{project_id}/files"
    try:
        key, every = form["objectKey"] or None, form["allFiles"] == "1"
        files = service.requeue(context, project_id, key, all_files=every, record=record)
    except InvalidInput as error:
        return redirect(request, here, message=error.message, tone="bad")
    message = _("%(count)s files are put back; the next aggregation reads them.", count=len(files))
    return redirect(request, here, message=message)


@router.get(f"{HOME}/{{project_id}}/restatements", dependencies=READ)
def restatements_page(request: Request, context: Context, project_id: str, offset: Offset = 0) -> Response:
    filters = RESTATEMENTS.filters(project_id=context.connection(project_id).project_id)
    rows, following = RESTATEMENTS.read(context, filters, lists.Paging(PAGE_ROWS, offset=offset))
    with context.store.snapshot() as session:
        project = session.project(project_id)
        summed = restated_months(session.restatements(project_id))
    around = place(offset, PAGE_ROWS, more=following is not None)
    return page(request, "restatements", project=project, summed=summed, rows=rows, place=around)


@router.get(f"{HOME}/{{project_id}}/insight", dependencies=READ)
def insight_page(request: Request, context: Context, project_id: str, month: str = "") -> Response:
    with context.store.snapshot() as session:
        project = session.project(project_id)
        months = [f"{published.month:%Y-%m}" for published in session.months(project_id)][::-1]
    if not months:
        return page(request, "insight", project=project, month=None)
    at = service.parse_month(month or months[0])
    insight = service.anomalies_of(context, project_id, at)
    expected = service.forecast_of(context, project_id, at)
    return page(
        request,
        "insight",
        project=project,
        month=f"{at:%Y-%m}",
        months=months,
        insight=insight,
        expected=expected,
        anomalies=insight.rows.sort("score", descending=True).to_dicts(),
        anomaly_charts=[(name, charts.anomalies(insight, name)) for name in words.currencies(insight.daily)],
        forecasts=[
            (name, charts.forecast(expected, name), expected.rows.filter(currency=name).to_dicts())
            for name in words.currencies(expected.rows)
        ],
    )


def _cost_of_month(request: Request) -> list[dict[str, Any]] | None:
    """The two newest months of each enabled project, with its budgets; None where nothing is published."""
    context: FinopsContext = request.app.state.finops.context
    cards = []
    for project in context.enabled_connections()[:CARD_ROWS]:
        if months := service.published_months(context, project.project_id)[:2]:
            _budgets, statuses = service.budget_statuses(context, project.project_id)
            cards.append({"project": project, "months": months, "budgets": statuses, "words": words})
    return cards or None


CARD: Final = DashboardCard(
    title=N_("Cost of the month"), permission="finops:read", load=_cost_of_month, template="finops/card.html"
)


PART: Final = Part(
    routers=(connection_api.router, cost_api.router, api.router),
    pages=(connection_pages.router, cost_pages.router, router),
    navigation=NAVIGATION,
    package="batch_platform.finops.web",
    tags={"finops": "Cloud costs by project: connections, files, costs, budgets, forecasts. Fields are camelCase."},
)
"""What the app needs of finops."""

WEB: Final = WebRoom(PART, CARD, open_state)


def _project_page(
    request: Request,
    context: FinopsContext,
    project_id: str,
    *,
    steps: list[Any] | None = None,
    values: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    with context.store.snapshot() as session:
        project = session.project(project_id)
        months, totals = session.months(project_id), session.totals(project_id)
        waiting = session.deliveries_under_way(project_id)
        withdrawn = session.withdrawn_months(project_id)
    budgets, _following = BUDGETS.read(context, BUDGETS.filters(project_id=project_id), lists.Paging())
    return page(
        request,
        "project",
        project=project,
        months=months[::-1],
        totals=totals,
        waiting=waiting,
        withdrawn=withdrawn,
        budgets=budgets,
        steps=steps,
        values=values or {"measure": "unblended", "currency": totals[-1]["currency"] if totals else "USD"},
        errors=errors,
        request_id=request.app.state.web.random(16).hex(),
    )
