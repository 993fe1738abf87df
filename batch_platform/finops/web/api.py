"""The finops API under `/api/projects`: both batches, files, insight, budgets.

Projects are in connection_api.py, costs in cost_api.py.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import Field

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.model import Budget, FileStatus
from batch_platform.finops.months import month_start
from batch_platform.finops.web.context import trail_of
from batch_platform.finops.web.parameters import (
    OPERATE,
    READ,
    WRITE,
    Paging,
    ProjectId,
    Work,
    like,
    page_of,
    wire_names,
)
from batch_platform.finops.web.schemas import (
    AnomaliesAnswer,
    BudgetAnswer,
    Currency,
    FileAnswer,
    ForecastAnswer,
    Measure,
    MonthAnswer,
    RequeuedAnswer,
    RestatementAnswer,
)
from batch_platform.operations.parameters import checked
from batch_platform.operations.service import OperationsContext
from batch_platform.operations.web import actions
from batch_platform.operations.web.schemas import RunAnswer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.idempotency import IdempotencyKey
from batch_platform.web.api.paging import Page
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import Month, StrictBool, StrictModel, Text

router = APIRouter(prefix="/api/projects", tags=["finops"])

STARTED: Final = documented(404, 409, 503)

NewestMonth = Annotated[Month | None, Query(description="Billing month, YYYY-MM; the newest published.")]
Operations = Annotated[OperationsContext, Depends(actions.operations_of)]


class BatchRequest(StrictModel):
    """`parameters` are the job's own: dryRun, targetDate (its month), cur-fetch's since, cur-aggregate's limit."""

    parameters: dict[str, Any] = Field(default_factory=dict, examples=[{"dryRun": True, "targetDate": "2026-10-01"}])


class RequeueRequest(StrictModel):
    """`objectKey` left out: every file of the project, or of a `month` of it, that is in ERROR.

    `allFiles`: files that were read without an error too, to be read by the rules of now.
    """

    object_key: Text | None = Field(default=None, examples=["cur/acme/cur/20261001-20261101/x/cur-1.csv.gz"])
    month: Month | None = None
    all_files: StrictBool = False


class BudgetRequest(StrictModel):
    """What a billing month may cost, in one measure and currency."""

    measure: Measure = "unblended"
    currency: Currency
    monthly_amount: Text = Field(
        examples=["1200.50"],
        description="A decimal number above 0, as a string.",
        json_schema_extra=like(r"^(?=.*[1-9])[0-9]{1,20}(\.[0-9]{1,12})?$"),
    )


@router.post("/{projectId:name}/batch/cur-fetch", status_code=202, dependencies=OPERATE, responses=STARTED)
def start_fetch(
    project_id: ProjectId,
    request: Request,
    response: Response,
    work: Work,
    operations: Operations,
    body: Annotated[BatchRequest | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Envelope[RunAnswer]:
    """Batch A for the project: register what AWS delivered for its last 13 months, `since` one, or for targetDate's.

    The run's output names keys that a manifest lists and the bucket lacks, and months that are withdrawn.
    """
    work.connection(project_id)
    return _start("cur-fetch", project_id, request, response, operations, body, idempotency_key)


@router.post("/{projectId:name}/batch/cur-aggregate", status_code=202, dependencies=OPERATE, responses=STARTED)
def start_aggregate(
    project_id: ProjectId,
    request: Request,
    response: Response,
    work: Work,
    operations: Operations,
    body: Annotated[BatchRequest | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Envelope[RunAnswer]:
    """Batch B for the project: read registered files and publish the months they complete."""
    work.connection(project_id)
    return _start("cur-aggregate", project_id, request, response, operations, body, idempotency_key)


@router.get("/{projectId:name}/months", dependencies=READ, responses=documented(404))
def list_months(project_id: ProjectId, work: Work) -> Envelope[list[MonthAnswer]]:
    """The published months, newest first, with state, checks and totals."""
    with work.store.snapshot() as session:
        session.project(project_id)
        months, totals = session.months(project_id), session.totals(project_id)
    of = {month.month: [row for row in totals if row["billing_month"] == month.month] for month in months}
    return Envelope(data=[MonthAnswer.of(month, of[month.month]) for month in reversed(months)])


@router.get("/{projectId:name}/files", dependencies=READ, responses=documented(404))
def list_files(
    project_id: ProjectId,
    work: Work,
    page: Paging,
    status: Annotated[FileStatus | None, Query(description="Only files of this status.")] = None,
    month: Annotated[Month | None, Query(description="Only files of this billing month.")] = None,
) -> Envelope[Page[FileAnswer]]:
    """The registered files, newest month and delivery first."""
    after = page.after(month=date, registered=datetime, version=str, file=int)
    with work.store.snapshot() as session:
        session.project(project_id)
        found = session.files_page(
            project_id,
            month=month_start(month) if month else None,
            status=status,
            after=[after[name] for name in ("month", "registered", "version", "file")] if after else None,
            offset=page.offset,
            limit=page.limit + 1,
        )
    names = {"month": "billing_month", "registered": "registered_at", "version": "version", "file": "file_no"}
    shown, following = cursors.cut(found, page.limit, lambda row: {name: row[of] for name, of in names.items()})
    return page_of([FileAnswer.of(row) for row in shown], following)


@router.post("/{projectId:name}/files/requeue", dependencies=OPERATE, responses=documented(404))
def requeue_files(
    project_id: ProjectId, body: RequeueRequest, request: Request, work: Work
) -> Envelope[list[RequeuedAnswer]]:
    """Put files back to PENDING; the next aggregation reads them again. What is published stays until then."""
    files = service.requeue(
        work,
        project_id,
        body.object_key,
        month=month_start(body.month) if body.month else None,
        all_files=body.all_files,
        trail=trail_of(request),
    )
    told = [RequeuedAnswer(month=file["month"], object_key=file["object_key"]) for file in files]
    return Envelope(data=told, message=f"{len(told)} files are put back")


@router.get("/{projectId:name}/restatements", dependencies=READ, responses=documented(404))
def list_restatements(project_id: ProjectId, work: Work, page: Paging) -> Envelope[Page[RestatementAnswer]]:
    """Money that changed in months already final, newest first, with the reason."""
    names = {
        "detected": "detected_at",
        "month": "billing_month",
        "account": "usage_account_id",
        "service": "service",
        "class": "charge_class",
        "currency": "currency",
    }
    after = page.after(**{**dict.fromkeys(names, str), "detected": datetime, "month": date})
    with work.store.snapshot() as session:
        session.project(project_id)
        found = session.restatements_page(
            project_id,
            after=[after[name] for name in names] if after else None,
            offset=page.offset,
            limit=page.limit + 1,
        )
    shown, following = cursors.cut(found, page.limit, lambda row: {name: row[of] for name, of in names.items()})
    return page_of([RestatementAnswer.of(row) for row in shown], following)


@router.get("/{projectId:name}/anomalies", dependencies=READ, responses=documented(404))
def list_anomalies(project_id: ProjectId, work: Work, month: NewestMonth = None) -> Envelope[AnomaliesAnswer]:
    """Days on which a service cost far more or less than before."""
    found = service.anomalies_of(work, project_id, month_start(month) if month else None)
    return Envelope(data=AnomaliesAnswer.of(found))


@router.get("/{projectId:name}/forecast", dependencies=READ, responses=documented(404))
def show_forecast(project_id: ProjectId, work: Work, month: NewestMonth = None) -> Envelope[ForecastAnswer]:
    """The days to come, as seen from a month, with the error the method made on past days."""
    found = service.forecast_of(work, project_id, month_start(month) if month else None)
    return Envelope(data=ForecastAnswer.of(found))


@router.get("/{projectId:name}/budgets", dependencies=READ, responses=documented(404))
def list_budgets(project_id: ProjectId, work: Work, month: NewestMonth = None) -> Envelope[list[BudgetAnswer]]:
    """The project's budgets and how a month stands against them: spent so far, and projected for the whole month."""
    budgets, statuses = service.budget_statuses(work, project_id, month_start(month) if month else None)
    return Envelope(data=BudgetAnswer.of_all(budgets, statuses))


@router.put("/{projectId:name}/budgets", dependencies=WRITE, responses=documented(404))
def set_budget(
    project_id: ProjectId, body: BudgetRequest, request: Request, work: Work
) -> Envelope[list[BudgetAnswer]]:
    """Set the budget of a measure and currency; the project's budgets after it."""
    with wire_names():
        amount = service.parse_amount(body.monthly_amount)
        service.set_budget(work, Budget(project_id, body.measure, body.currency, amount), trail=trail_of(request))
    return Envelope(data=BudgetAnswer.of_all(*service.budget_statuses(work, project_id)))


@router.delete("/{projectId:name}/budgets", dependencies=WRITE, responses=documented(404))
def delete_budget(
    project_id: ProjectId,
    request: Request,
    work: Work,
    measure: Annotated[Measure, Query()],
    currency: Annotated[Currency, Query()],
) -> Envelope[list[BudgetAnswer]]:
    """Remove the budget of a measure and currency; the project's budgets after it."""
    service.delete_budget(work, project_id, measure, currency, trail=trail_of(request))
    return Envelope(data=BudgetAnswer.of_all(*service.budget_statuses(work, project_id)))


def _start(
    name: str,
    project_id: str,
    request: Request,
    response: Response,
    operations: OperationsContext,
    body: BatchRequest | None,
    idempotency_key: str | None,
) -> Envelope[RunAnswer]:
    given = body.parameters if body else {}
    if given.get("projectId", project_id) != project_id:
        raise InvalidInput("project-of-the-path", "the project is the one of the path", field="parameters.projectId")
    job = operations.registry.get(name)
    parameters = checked(job, {**given, "projectId": project_id})
    run = actions.start(request, job, parameters, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/api/admin/batch/runs/{run.run_id}"
    return Envelope(data=RunAnswer.of(run), message=f"{name} of {project_id} is asked for as run {run.run_id}")
