"""The operations API: jobs, runs, dead letters and incidents under `/api/admin/batch`, and `/metrics`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from pydantic import Field

from batch_platform.core.surfaces import writes
from batch_platform.operations import metrics, service, triage
from batch_platform.operations.actions import CANCEL, EXECUTE, STARTS, STOPS
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import DeadLetterState, RunStatus
from batch_platform.operations.triage import DISCARD, RETRY
from batch_platform.operations.web import actions, backfills, partitions, run_queue
from batch_platform.operations.web import triage as handling
from batch_platform.operations.web.job_parameters import checked
from batch_platform.operations.web.schemas import (
    DeadLetterAnswer,
    JobAnswer,
    JobStatusAnswer,
    RunAnswer,
    RunDetailAnswer,
)
from batch_platform.operations.web.triage_schemas import (
    DeadLetterDetailAnswer,
    IncidentDetailAnswer,
    TriagedDeadLetterAnswer,
    TriagedIncidentAnswer,
)
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.idempotency import token
from batch_platform.web.api.paging import Page, PageQuery
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import QueryBool, QueryInt, StrictModel, Text

router = APIRouter(prefix="/api/admin/batch", tags=["batch"])
metrics_router = APIRouter(tags=["metrics"])
TAGS: Final = {
    "batch": "Jobs, runs, backfills, partitions, dead letters, incidents, maintenance windows. Fields are camelCase.",
    "metrics": "What Prometheus scrapes.",
}

JobName = Annotated[Text, Path(alias="jobName", description="A job's name or id.", examples=["cur-aggregate"])]
RunId = Annotated[Text, Path(alias="runId", description="A run's id.")]
TriggerName = Annotated[Text, Path(alias="triggerName", description="A schedule's or sensor's name.")]
IncidentId = Annotated[QueryInt, Path(alias="incidentId", ge=1, lt=2**63, description="An incident's id.")]
LetterId = Annotated[Text, Path(alias="deadLetterId", description="A dead letter's id.")]

RUN_PATH: Final = "/api/admin/batch/runs/{}"
ASKED: Final[dict[int | str, dict[str, Any]]] = {
    202: {"headers": {"Location": {"description": "Where the run can be followed.", "schema": {"type": "string"}}}}
}
PARAMETERS: Final = {"dryRun": True, "targetDate": "2026-10-01"}


class ExecuteRequest(StrictModel):
    """`parameters` are the job's own: `parametersSchema` of its status says which it takes."""

    parameters: dict[str, Any] = Field(default_factory=dict, examples=[PARAMETERS])


class DeadLetterVersionRequest(StrictModel):
    """`version` is the one that the caller has seen: another one is a conflict."""

    version: int = Field(ge=0, le=2**31 - 1, examples=[1])


class SwitchRequest(StrictModel):
    """Who finds it switched reads `reason` in the audit log."""

    reason: Text = Field(min_length=1, examples=["the supplier's interface is closed until Friday"])


class DiscardRequest(DeadLetterVersionRequest):
    """A discarded dead letter is never run again; `reason` says why that is right."""

    reason: Text = Field(min_length=1, examples=["AWS delivered the month anew; the run is not needed"])


async def _operations(request: Request) -> OperationsContext:
    return actions.operations_of(request)  # a coroutine costs no thread


Operations = Annotated[OperationsContext, Depends(_operations)]


@router.get("/jobs", dependencies=[requires("batch:read")])
def list_jobs(operations: Operations) -> Envelope[list[JobAnswer]]:
    """Every job with its state, newest run, next due moment and what is wrong with it."""
    now = operations.clock()
    return Envelope(data=[JobAnswer.of_overview(overview, now) for overview in service.jobs(operations)])


@router.get("/jobs/{jobName}/status", dependencies=[requires("batch:read")])
def job_status(name: JobName, operations: Operations) -> Envelope[JobStatusAnswer]:
    """How one job stands, its limits, and what parameters it takes."""
    return Envelope(data=JobStatusAnswer.of_overview(service.status(operations, name), operations.clock()))


@router.get("/jobs/{jobName}/history", dependencies=[requires("batch:read")])
def job_history(
    name: JobName,
    operations: Operations,
    page: Annotated[PageQuery, Depends()],
    status: Annotated[RunStatus | None, Query(description="Only runs of this state.")] = None,
) -> Envelope[Page[RunAnswer]]:
    """A job's runs, newest first."""
    runs, following = service.history(
        operations, name, limit=page.limit, offset=page.offset, cursor=page.cursor, status=status
    )
    return Envelope(data=Page(items=[RunAnswer.of(run) for run in runs], next_cursor=following))


@router.post("/jobs/{jobName}/execute", status_code=202, dependencies=[requires("jobs:run")], responses=ASKED)
@writes(EXECUTE)
def execute_job(
    name: JobName,
    body: Annotated[
        ExecuteRequest,
        Body(
            openapi_examples={
                "dry run": {"value": {"parameters": PARAMETERS}},
                "one day": {"value": {"parameters": {"dryRun": False, "targetDate": "2026-01-01"}}},
            }
        ),
    ],
    request: Request,
    response: Response,
    operations: Operations,
) -> Envelope[RunAnswer]:
    """Ask for a run. `targetDate` chooses the partition, so a run by hand is the same as a backfill."""
    job = operations.registry.get(name)
    parameters = checked(job, body.parameters)
    run = actions.start(request, job, parameters, idempotency_key=token(request))
    response.headers["Location"] = RUN_PATH.format(run.run_id)
    return Envelope(data=RunAnswer.of(run), message=f"{job.name} is asked for as run {run.run_id}")


@router.post("/jobs/{jobName}/triggers/{triggerName}/start", dependencies=[requires("triggers:switch")])
@writes(*STARTS)
def start_trigger(
    name: JobName, trigger: TriggerName, body: SwitchRequest, request: Request
) -> Envelope[JobStatusAnswer]:
    """Switch a schedule or sensor of the job on. 409 when it is on already."""
    actions.switch(request, name, trigger, on=True, reason=body.reason)
    return job_status(name, actions.operations_of(request))


@router.post("/jobs/{jobName}/triggers/{triggerName}/stop", dependencies=[requires("triggers:switch")])
@writes(*STOPS)
def stop_trigger(
    name: JobName, trigger: TriggerName, body: SwitchRequest, request: Request
) -> Envelope[JobStatusAnswer]:
    """Switch a schedule or sensor of the job off: nothing starts by it until it is on again. 409 when it is off."""
    actions.switch(request, name, trigger, on=False, reason=body.reason)
    return job_status(name, actions.operations_of(request))


@router.get("/runs/{runId}", dependencies=[requires("batch:read")])
def run_detail(run_id: RunId, operations: Operations) -> Envelope[RunDetailAnswer]:
    """A run's state, steps, failure, newest log lines and, after a dry run, its rows."""
    return Envelope(data=RunDetailAnswer.of_detail(service.run(operations, run_id), operations.remedies))


@router.post("/runs/{runId}/cancel", status_code=202, dependencies=[requires("jobs:run")])
@writes(CANCEL)
def cancel_run(run_id: RunId, request: Request) -> Envelope[RunAnswer]:
    """Ask a run to stop. 409 when it has ended."""
    run = actions.cancel(request, run_id)
    return Envelope(data=RunAnswer.of(run), message=f"run {run.run_id} is asked to stop")


@router.get("/dead-letters", dependencies=[requires("batch:read")], responses=documented(404))
def list_dead_letters(
    operations: Operations,
    page: Annotated[PageQuery, Depends()],
    state: Annotated[DeadLetterState | None, Query(description="Only those of this state.")] = None,
    job_name: Annotated[Text | None, Query(alias="jobName", description="Only those of this job.")] = None,
) -> Envelope[Page[TriagedDeadLetterAnswer]]:
    """Runs that used their attempts, newest first."""
    letters, following = service.dead_letters(
        operations, state, job=job_name, limit=page.limit, offset=page.offset, cursor=page.cursor
    )
    known = triage.of_letters(operations, letters)
    items = [TriagedDeadLetterAnswer.of(letter, **vars(known[letter.id])) for letter in letters]
    return Envelope(data=Page(items=items, next_cursor=following))


@router.get("/dead-letters/{deadLetterId}", dependencies=[requires("batch:read")])
def dead_letter_detail(letter_id: LetterId, operations: Operations) -> Envelope[DeadLetterDetailAnswer]:
    """One dead letter: its cause, what to look at, what was done about it, who takes care of it, what was said."""
    return Envelope(data=DeadLetterDetailAnswer.of_id(operations, letter_id))


@router.post("/dead-letters/{deadLetterId}/retry", status_code=202, dependencies=[requires("dead-letters:handle")])
@writes(RETRY)
def retry_dead_letter(
    letter_id: LetterId, body: DeadLetterVersionRequest, request: Request
) -> Envelope[DeadLetterAnswer]:
    """Run it again with its own parameters; the dead letter is resolved when that run succeeds."""
    letter = actions.retry(request, letter_id, body.version)
    return Envelope(
        data=DeadLetterAnswer.of(letter), message=f"dead letter {letter.id} is run again as {letter.retry_run_id}"
    )


@router.post("/dead-letters/{deadLetterId}/discard", dependencies=[requires("dead-letters:handle")])
@writes(DISCARD)
def discard_dead_letter(letter_id: LetterId, body: DiscardRequest, request: Request) -> Envelope[DeadLetterAnswer]:
    """Close it without running it again. 409 when somebody has handled it meanwhile."""
    letter = actions.discard(request, letter_id, body.version, body.reason)
    return Envelope(data=DeadLetterAnswer.of(letter), message=f"dead letter {letter.id} is discarded")


@router.get("/incidents", dependencies=[requires("batch:read")], responses=documented(404))
def list_incidents(
    operations: Operations,
    page: Annotated[PageQuery, Depends()],
    open_only: Annotated[QueryBool, Query(alias="openOnly", description="Leave out what is resolved.")] = True,
    job_name: Annotated[Text | None, Query(alias="jobName", description="Only those of this job.")] = None,
) -> Envelope[Page[TriagedIncidentAnswer]]:
    """What the alert rules found, newest first."""
    incidents, following = service.incidents(
        operations, open_only=open_only, job=job_name, limit=page.limit, offset=page.offset, cursor=page.cursor
    )
    known = triage.of_incidents(operations, incidents)
    items = [TriagedIncidentAnswer.of(incident, **vars(known[incident.id])) for incident in incidents]
    return Envelope(data=Page(items=items, next_cursor=following))


@router.get("/incidents/{incidentId}", dependencies=[requires("batch:read")])
def incident_detail(incident_id: IncidentId, operations: Operations) -> Envelope[IncidentDetailAnswer]:
    """One incident: what to look at, who takes care of it and what was said."""
    return Envelope(data=IncidentDetailAnswer.of_id(operations, incident_id))


router.include_router(backfills.router)
router.include_router(partitions.router)
router.include_router(handling.router)
router.include_router(run_queue.router)


@metrics_router.get(
    "/metrics",
    dependencies=[requires("batch:read")],
    response_class=Response,
    responses={200: {"description": "Text exposition.", "content": {metrics.CONTENT_TYPE: {}}}},
)
def scrape(operations: Operations) -> Response:
    """Prometheus metrics, computed from durable state at each scrape."""
    return Response(metrics.exposition(operations), media_type=metrics.CONTENT_TYPE)
