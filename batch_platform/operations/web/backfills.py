"""Backfills on the web: asked for by days with the permission of the job, followed, canceled; API and pages."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.operations import backfills
from batch_platform.operations.backfill_store import Backfill, PlannedBackfill
from batch_platform.operations.backfills import BACKFILL, CANCEL_BACKFILL
from batch_platform.operations.model import Job
from batch_platform.operations.parameters import Input, inputs, read
from batch_platform.operations.web import outcomes
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.job_parameters import checked
from batch_platform.operations.web.schemas import BackfillAnswer, BackfillDetailAnswer, BackfillRunAnswer
from batch_platform.web import forms
from batch_platform.web.access.dependencies import authorize, current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.idempotency import token
from batch_platform.web.api.paging import Page, PageQuery
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import IsoDate, StrictModel, Text
from batch_platform.web.console import field_errors, redirect, render
from batch_platform.web.context import log_of, web_of
from batch_platform.web.i18n import N_
from batch_platform.web.paging import Offset, place

router = APIRouter()
"""Below the prefix of the operations API."""

pages = APIRouter(include_in_schema=False)

JobName = Annotated[Text, Path(alias="jobName", description="A job's name or id.", examples=["cur-aggregate"])]
BackfillId = Annotated[Text, Path(alias="backfillId", description="A backfill's id.")]

_PARAMETER: Final = "parameters."
_TARGET: Final = "targetDate"
_ROWS: Final = 25
_MONTHS: Final = 3
_ASKED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "headers": {"Location": {"description": "Where the backfill can be followed.", "schema": {"type": "string"}}}
    }
}
DAY_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "none": (N_("Not run"), "neutral"),
    "success": (N_("Succeeded"), "good"),
    "failure": (N_("Failed"), "bad"),
    "canceled": (N_("Canceled"), "warning"),
    "queued": (N_("Queued"), "busy"),
    "starting": (N_("Starting"), "busy"),
    "running": (N_("Running"), "busy"),
    "canceling": (N_("Canceling"), "busy"),
}


class BackfillRequest(StrictModel):
    """A run for each partition of the days from `from` to `to`, both included; `parameters` are the same for all."""

    first_day: IsoDate = Field(alias="from", examples=["2026-10-01"])
    last_day: IsoDate = Field(alias="to", examples=["2026-10-31"])
    parameters: dict[str, Any] = Field(default_factory=dict, examples=[{}])


@router.post("/jobs/{jobName}/backfills", status_code=202, dependencies=[requires("jobs:run")], responses=_ASKED)
@writes(BACKFILL)
def start_backfill(
    name: JobName, body: BackfillRequest, request: Request, response: Response
) -> Envelope[BackfillAnswer]:
    """Ask for the runs of a range of days. A few at a time are at work, behind the runs that schedules ask for."""
    backfill = _start(request, name, body.first_day, body.last_day, body.parameters, key=token(request))
    response.headers["Location"] = f"/api/admin/batch/backfills/{backfill.id}"
    return Envelope(data=BackfillAnswer.of(backfill), message=f"{backfill.total} runs are asked for")


@router.get("/backfills", dependencies=[requires("batch:read")], responses=documented(404))
def list_backfills(
    request: Request,
    page: Annotated[PageQuery, Depends()],
    job_name: Annotated[Text | None, Query(alias="jobName", description="Only those of this job.")] = None,
) -> Envelope[Page[BackfillAnswer]]:
    """Backfills with their progress, newest first."""
    rows, following = backfills.backfills(
        operations_of(request), job=job_name, limit=page.limit, offset=page.offset, cursor=page.cursor
    )
    return Envelope(data=Page(items=[BackfillAnswer.of(row) for row in rows], next_cursor=following))


@router.get("/backfills/{backfillId}", dependencies=[requires("batch:read")])
def backfill_detail(backfill_id: BackfillId, request: Request) -> Envelope[BackfillDetailAnswer]:
    """A backfill with its runs, by day."""
    backfill, runs = backfills.backfill(operations_of(request), backfill_id)
    answers = [BackfillRunAnswer.of(run) for run in runs]
    return Envelope(data=BackfillDetailAnswer.of(backfill, runs=answers))


@router.post("/backfills/{backfillId}/cancel", status_code=202, dependencies=[requires("jobs:run")])
@writes(CANCEL_BACKFILL)
def cancel_backfill(backfill_id: BackfillId, request: Request) -> Envelope[BackfillAnswer]:
    """Ask for no further run and stop those that go on. 409 when it has ended."""
    backfill = _cancel(request, backfill_id)
    return Envelope(data=BackfillAnswer.of(backfill), message=f"backfill {backfill.id} is asked to stop")


@pages.get("/console/jobs/{name}/backfill", dependencies=[requires("batch:read")])
def backfill_form(request: Request, name: str, until: str = "", offset: Offset = 0) -> Response:
    """The job's days as a calendar of three months, the form, and the job's backfills."""
    return _form_page(request, name, until=until, offset=offset)


@pages.post("/console/jobs/{name}/backfill", dependencies=[requires("jobs:run")])
@writes(BACKFILL)
def ask_for_backfill(request: Request, name: str, form: forms.Form) -> Response:
    """Two steps: `ask`, which says what would run; `run`."""
    job = operations_of(request).registry.get(name)
    authorize(request, job.permission)
    fields = _fields(job)
    unchecked = {_PARAMETER + field.name: "false" for field in fields if field.type == "checkbox"}
    values = unchecked | {
        key: text for key, text in form.items() if key in ("from", "to") or key.startswith(_PARAMETER)
    }
    given = read(
        job.parameters, {key.removeprefix(_PARAMETER): values[key] for key in values if key.startswith(_PARAMETER)}
    )
    try:
        first_day, last_day = (backfills.read_day(values.get(name, ""), name) for name in ("from", "to"))
        if form.get("step", "ask") == "ask":
            plan = _plan(request, name, first_day, last_day, given)
            return _form_page(request, name, values=values, plan=plan)
        backfill = _start(request, name, first_day, last_day, given, key=form.get("request_id"))
    except (InvalidInput, RequestValidationError) as error:
        status = 409 if isinstance(error, Conflict) else None
        return _form_page(request, name, values=values, errors=field_errors(error), status=status)
    return redirect(request, f"/console/backfills/{backfill.id}")


@pages.get("/console/backfills/{backfill_id}", dependencies=[requires("batch:read")])
@pages.get("/console/backfills/{backfill_id}/live", dependencies=[requires("batch:read")])
def backfill_page(request: Request, backfill_id: str) -> Response:
    """A backfill, or the part of its page that changes while it goes on."""
    operations = operations_of(request)
    backfill, runs = backfills.backfill(operations, backfill_id)
    job = next((job for job in operations.registry if job.name == backfill.job), None)
    return render(
        request,
        "operations/backfill_live.html" if request.url.path.endswith("/live") else "operations/backfill.html",
        backfill=backfill,
        runs=runs,
        job=job,
        outcome=outcomes.of_backfill(backfill),
        may_cancel=job is not None and current(request).may(job.permission),
    )


@pages.post("/console/backfills/{backfill_id}/cancel", dependencies=[requires("jobs:run")])
@writes(CANCEL_BACKFILL)
def cancel_from_page(request: Request, backfill_id: str) -> Response:
    here = f"/console/backfills/{backfill_id}"
    try:
        _cancel(request, backfill_id)
    except Conflict as error:
        return redirect(request, here, message=error.message, tone="warning")
    return redirect(request, here)


def _plan(
    request: Request, name: str, first_day: date, last_day: date, parameters: Mapping[str, Any]
) -> PlannedBackfill:
    """403 without the job's permission."""
    operations = operations_of(request)
    job = operations.registry.get(name)
    authorize(request, job.permission)
    if _TARGET in parameters or "dryRun" in parameters:
        raise InvalidInput("days-choose-partitions", "a backfill's days choose its partitions", field="parameters")
    checked(job, {**parameters, _TARGET: first_day.isoformat()})
    try:
        return backfills.planned(operations, name, first_day, last_day, parameters)
    except InvalidInput as error:
        own = error.field in {field.name for field in _fields(job)}
        raise (InvalidInput.of(error.message, field=_PARAMETER + str(error.field)) if own else error) from None


def _start(
    request: Request, name: str, first_day: date, last_day: date, parameters: Mapping[str, Any], *, key: str | None
) -> Backfill:
    plan = _plan(request, name, first_day, last_day, parameters)
    return backfills.start(operations_of(request), log_of(request), plan, key=key)


def _cancel(request: Request, backfill_id: str) -> Backfill:
    operations = operations_of(request)
    backfill, _runs = backfills.backfill(operations, backfill_id)
    authorize(request, operations.registry.get(backfill.job).permission)
    return backfills.cancel(operations, log_of(request), backfill_id)


def _form_page(
    request: Request,
    name: str,
    *,
    until: str = "",
    offset: int = 0,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    plan: PlannedBackfill | None = None,
    status: int | None = None,
) -> Response:
    operations = operations_of(request)
    job, fields = operations.registry.get(name), _fields(operations.registry.get(name))
    chosen = dict(request.query_params)
    shown = {"from": "", "to": ""} | {_PARAMETER + field.name: field.default for field in fields}
    shown |= {key: text for key, text in chosen.items() if key in shown} | dict(values or {})
    rows, more = backfills.backfills(operations, job=name, limit=_ROWS, offset=offset)
    last = _month(until) or operations.clock().astimezone(BUSINESS_ZONE).date().replace(day=1)
    given = read(job.parameters, {field.name: shown[_PARAMETER + field.name] for field in fields})
    months = _calendar(request, job, last, given)
    cells = (cell for month in months for week in month["weeks"] for cell in week)
    return render(
        request,
        "operations/backfill_form.html",
        empty=all(cell is None or cell[1] is None for cell in cells),
        status=status,
        job=job,
        fields=fields,
        values=shown,
        errors=errors,
        plan=plan,
        months=months,
        states=DAY_STATES,
        earlier=f"{_shifted(last, -_MONTHS):%Y-%m}",
        later=f"{_shifted(last, _MONTHS):%Y-%m}",
        backfills=rows,
        may_run=current(request).may(job.permission),
        request_id=web_of(request).random(16).hex(),
        place=place(offset, _ROWS, more=more is not None),
    )


def _calendar(request: Request, job: Job, last: date, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The months up to `last`, each by weeks from Monday; a day outside of the month is None."""
    months = [_shifted(last, number - _MONTHS + 1) for number in range(_MONTHS)]
    end = _shifted(last, 1) - timedelta(days=1)
    states = backfills.days(operations_of(request), job.name, months[0], end, given)
    return [
        {
            "name": f"{month:%Y-%m}",
            "weeks": [
                [(day, states.get(day)) if day.month == month.month else None for day in week]
                for week in calendar.Calendar().monthdatescalendar(month.year, month.month)
            ],
        }
        for month in months
    ]


def _fields(job: Job) -> list[Input]:
    """The job's parameters but the target date, which the days of the backfill are."""
    return [field for field in inputs(job.parameters) if field.name != _TARGET]


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None


def _shifted(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
