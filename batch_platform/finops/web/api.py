"""The finops API under `/api/projects`: both batches, files, insight, budgets.

Projects are in connection_api.py, costs in cost_api.py.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.finops import service
from batch_platform.finops.model import Budget
from batch_platform.finops.months import month_start
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.service.audit import DELETE_BUDGET, REQUEUE, SET_BUDGET
from batch_platform.finops.web.context import OPERATE, READ, WRITE, Context, ProjectId, RecordOf, like, wire_names
from batch_platform.finops.web.lists import BUDGETS, ROUTES, budgets_revision
from batch_platform.finops.web.schemas import (
    AnomaliesAnswer,
    BudgetAnswer,
    Currency,
    ForecastAnswer,
    Measure,
    RequeuedAnswer,
)
from batch_platform.kit import lists
from batch_platform.operations.actions import EXECUTE
from batch_platform.operations.service import OperationsContext
from batch_platform.operations.web import actions
from batch_platform.operations.web.job_parameters import checked
from batch_platform.operations.web.schemas import RunAnswer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.idempotency import IdempotencyKey
from batch_platform.web.api.preconditions import Seen, tell_revision
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import Month, StrictBool, StrictModel, Text

router = APIRouter(prefix="/api/projects", tags=["finops"])

lists.routes(router, ROUTES, context=Context, permission="finops:read")

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


def _batch(job: str, name: str, doc: str) -> None:
    """`POST …/batch/{job}`: a run of it for the project."""

    @writes(EXECUTE)
    def start(
        project_id: ProjectId,
        request: Request,
        response: Response,
        context: Context,
        operations: Operations,
        body: Annotated[BatchRequest | None, Body()] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Envelope[RunAnswer]:
        context.connection(project_id)
        given = body.parameters if body else {}
        if given.get("projectId", project_id) != project_id:
            raise InvalidInput(
                "project-of-the-path", "the project is the one of the path", field="parameters.projectId"
            )
        parameters = checked(operations.registry.get(job), {**given, "projectId": project_id})
        run = actions.start(request, operations.registry.get(job), parameters, idempotency_key=idempotency_key)
        response.headers["Location"] = f"/api/admin/batch/runs/{run.run_id}"
        message = f"{job} of {project_id} is asked for as run {run.run_id}"
        return Envelope(data=RunAnswer.of(run), message=message)

    start.__name__, start.__doc__ = name, doc
    path = f"/{{projectId:name}}/batch/{job}"
    router.post(path, status_code=202, dependencies=OPERATE, responses=documented(404, 409, 503))(start)


_batch(
    "cur-fetch",
    "start_fetch",
    """Batch A for the project: register what AWS delivered for its last 13 months, `since` one, or for targetDate's.

    The run's output names keys that a manifest lists and the bucket lacks, and months that are withdrawn.
    """,
)
_batch(
    "cur-aggregate",
    "start_aggregate",
    "Batch B for the project: read registered files and publish the months they complete.",
)


@router.post("/{projectId:name}/files/requeue", dependencies=OPERATE, responses=documented(404))
@writes(REQUEUE)
def requeue_files(
    project_id: ProjectId, body: RequeueRequest, context: Context, record: RecordOf
) -> Envelope[list[RequeuedAnswer]]:
    """Put files back to PENDING; the next aggregation reads them again. What is published stays until then."""
    files = service.requeue(
        context,
        project_id,
        body.object_key,
        month=month_start(body.month) if body.month else None,
        all_files=body.all_files,
        record=record,
    )
    return Envelope(data=[RequeuedAnswer.of(file) for file in files], message=f"{len(files)} files are put back")


@router.get("/{projectId:name}/anomalies", dependencies=READ, responses=documented(404))
def list_anomalies(project_id: ProjectId, context: Context, month: NewestMonth = None) -> Envelope[AnomaliesAnswer]:
    """Days on which a service cost far more or less than before."""
    insight = service.anomalies_of(context, project_id, month_start(month) if month else None)
    return Envelope(data=AnomaliesAnswer.of(insight))


@router.get("/{projectId:name}/forecast", dependencies=READ, responses=documented(404))
def show_forecast(project_id: ProjectId, context: Context, month: NewestMonth = None) -> Envelope[ForecastAnswer]:
    """The days to come, as seen from a month, with the error the method made on past days."""
    insight = service.forecast_of(context, project_id, month_start(month) if month else None)
    return Envelope(data=ForecastAnswer.of(insight))


@router.put("/{projectId:name}/budgets", dependencies=WRITE, responses=documented(404))
@writes(SET_BUDGET)
def set_budget(
    project_id: ProjectId, body: BudgetRequest, response: Response, context: Context, record: RecordOf, seen: Seen
) -> Envelope[list[BudgetAnswer]]:
    """Set the budget of a measure and currency; the project's budgets after it. Their ETag is all budgets'."""
    with wire_names():
        amount = service.parse_amount(body.monthly_amount)
        service.set_budget(context, Budget(project_id, body.measure, body.currency, amount), seen=seen, record=record)
    return _budgets(context, project_id, response)


@router.delete("/{projectId:name}/budgets", dependencies=WRITE, responses=documented(404))
@writes(DELETE_BUDGET)
def delete_budget(
    project_id: ProjectId,
    response: Response,
    context: Context,
    record: RecordOf,
    measure: Annotated[Measure, Query()],
    currency: Annotated[Currency, Query()],
) -> Envelope[list[BudgetAnswer]]:
    """Remove the budget of a measure and currency; the project's budgets after it."""
    service.delete_budget(context, project_id, measure, currency, record=record)
    return _budgets(context, project_id, response)


def _budgets(context: FinopsContext, project_id: str, response: Response) -> Envelope[Any]:
    rows, _ = BUDGETS.read(context, BUDGETS.filters(project_id=project_id), lists.Paging())
    tell_revision(response, budgets_revision(rows))
    return Envelope(data=BUDGETS.answers(rows))
