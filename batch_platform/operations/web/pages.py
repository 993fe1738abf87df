"""Console pages of operations: dashboard, jobs, runs, dead letters, incidents. They only show and ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError

from batch_platform.core.failures import Conflict, InvalidInput, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.operations import cost_comparison, moved, service, triage, waiting
from batch_platform.operations.actions import CANCEL, EXECUTE
from batch_platform.operations.model import DeadLetterState, Run, RunStatus
from batch_platform.operations.night import last_night
from batch_platform.operations.parameters import inputs, read
from batch_platform.operations.triage import DISCARD, RETRY
from batch_platform.operations.triage_store import INCIDENT, LETTER
from batch_platform.operations.web import (
    actions,
    backfills,
    charts,
    health,
    partitions,
    pauses,
    triage_pages,
    triggers,
)
from batch_platform.operations.web import run_queue as run_queue_pages
from batch_platform.operations.web import waiting as waiting_pages
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.job_page import PAGE_ROWS, PARAMETER, job_page
from batch_platform.operations.web.job_parameters import checked
from batch_platform.operations.web.rendering import show
from batch_platform.operations.web.run_page import run_page
from batch_platform.web import forms
from batch_platform.web.access.dependencies import authorize, current, requires
from batch_platform.web.api.strict import QueryBool, QueryInt
from batch_platform.web.console import NavItem, field_errors, options, redirect
from batch_platform.web.i18n import N_, translated
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Offset, place

CARD_ROWS: Final = 8
NIGHT_RUNS: Final = 24
WAITING_ROWS: Final = 5

NAVIGATION: Final = (
    NavItem(key="dashboard", label=N_("Dashboard"), path="/console", permission="batch:read", order=0),
    NavItem(key="jobs", label=N_("Jobs"), path="/console/jobs", permission="batch:read", order=10),
    run_queue_pages.NAVIGATION,
    NavItem(
        key="dead-letters", label=N_("Dead letters"), path="/console/dead-letters", permission="batch:read", order=20
    ),
    NavItem(key="incidents", label=N_("Incidents"), path="/console/incidents", permission="batch:read", order=30),
    waiting_pages.NAVIGATION,
    pauses.NAVIGATION,
    health.NAVIGATION,
)


@dataclass(frozen=True)
class DashboardCard:
    """A domain's card on the dashboard for those who hold `permission`; `title` is a msgid.

    `template` is included with what `load` gives as `card`; None leaves the card out.
    """

    title: str
    permission: str
    load: Callable[[Request], Any]
    template: str


Reason = Annotated[str, Form(max_length=1_000)]

router = APIRouter(include_in_schema=False)


def build_pages(cards: Sequence[DashboardCard] = ()) -> APIRouter:
    """All pages of operations; the dashboard shows the domains' cards in this order."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/console", dependencies=[requires("batch:read")])
    def dashboard(request: Request) -> Response:
        operations = operations_of(request)
        jobs, now = service.jobs(operations), operations.clock()
        incidents, more_incidents = service.incidents(operations, limit=CARD_ROWS)
        since, by_job = last_night(operations)
        nights = [(name, runs[-NIGHT_RUNS:], len(runs)) for name, runs in sorted(by_job.items(), key=_worst_first)]
        waits = waiting.listed(operations, current(request))
        letters, more_letters = service.dead_letters(operations, DeadLetterState.OPEN, limit=CARD_ROWS)
        return show(
            request,
            "dashboard",
            jobs=jobs,
            due=sorted((job for job in jobs if job.deadline_at), key=lambda job: job.deadline_at or now),
            incidents=incidents,
            more_incidents=more_incidents is not None,
            letters=letters,
            more_letters=more_letters is not None,
            waits=waits[:WAITING_ROWS],
            waits_count=len(waits),
            **waiting_pages.words(request),
            since=since,
            night=nights,
            hours=charts.hours(since, now, [run for runs in by_job.values() for run in runs]),
            moved=[(each, charts.by_day(each)) for each in moved.listed(operations, current(request))],
            costs=[
                (each, [(shown, charts.of_costs(shown)) for shown in each.by_currency])
                for each in cost_comparison.compare(operations, current(request))
            ],
            cards=[shown for card in cards if (shown := _card(request, card))],
        )

    pages.include_router(triage_pages.pages)  # its addresses first: a dead letter could be called as one of them
    pages.include_router(router)
    pages.include_router(run_queue_pages.pages)
    pages.include_router(backfills.pages)
    pages.include_router(partitions.pages)
    pages.include_router(triggers.pages)
    pages.include_router(pauses.pages)
    pages.include_router(health.pages)
    pages.include_router(waiting_pages.pages)
    return pages


@router.get("/console/jobs", dependencies=[requires("batch:read")])
def jobs_page(request: Request) -> Response:
    return show(request, "jobs", jobs=service.jobs(operations_of(request)))


@router.get("/console/jobs/{name}", dependencies=[requires("batch:read")])
def show_job(request: Request, name: str, status: str = "", offset: Offset = 0) -> Response:
    return job_page(request, name, chosen=RunStatus(status) if status in set(RunStatus) else None, offset=offset)


@router.post("/console/jobs/{name}/run", dependencies=[requires("jobs:run")])
@writes(EXECUTE)
def run_job(request: Request, name: str, form: forms.Form) -> Response:
    """One form, three steps: `dry_run`; `ask`, which shows the question; `run`."""
    job = operations_of(request).registry.get(name)
    authorize(request, job.permission)
    step = form.get("step", "ask")
    unchecked = {PARAMETER + field.name: "false" for field in inputs(job.parameters) if field.type == "checkbox"}
    values = unchecked | {key: text for key, text in form.items() if key.startswith(PARAMETER)}
    given = read(job.parameters, {key.removeprefix(PARAMETER): text for key, text in values.items()})
    try:
        parameters = checked(job, given | {"dryRun": step == "dry_run"})
        if step == "ask":
            return job_page(request, name, values=values, asking=True)
        run = actions.start(request, job, parameters, idempotency_key=form.get("request_id"))
    except (InvalidInput, RequestValidationError) as error:
        status = 409 if isinstance(error, Conflict) else None
        return job_page(request, name, values=values, errors=field_errors(error), status=status)
    return redirect(request, f"/console/runs/{run.run_id}")


@router.get("/console/runs/{run_id}", dependencies=[requires("batch:read")])
@router.get("/console/runs/{run_id}/live", dependencies=[requires("batch:read")])
def show_run(request: Request, run_id: str) -> Response:
    """A run, or the part of its page that changes while it runs."""
    return run_page(request, run_id)


@router.post("/console/runs/{run_id}/cancel", dependencies=[requires("jobs:run")])
@writes(CANCEL)
def cancel_run(request: Request, run_id: str) -> Response:
    here = f"/console/runs/{run_id}"
    try:
        actions.cancel(request, run_id)
    except Conflict as error:
        return redirect(request, here, message=error.message, tone="warning")
    return redirect(request, here)


@router.get("/console/dead-letters", dependencies=[requires("batch:read")])
def dead_letters_page(request: Request, state: str = "open", job: str = "", offset: Offset = 0) -> Response:
    operations = operations_of(request)
    chosen = DeadLetterState(state) if state in set(DeadLetterState) else None
    letters, more = service.dead_letters(operations, chosen, job=job or None, limit=PAGE_ROWS, offset=offset)
    return show(
        request,
        "dead_letters",
        letters=letters,
        retries=service.recent_retries(operations),
        **triage_pages.listed(request, LETTER, triage.of_letters(operations, letters)),
        state=state,
        job=job,
        jobs=options({known.name: known.title for known in operations.registry}, _("All")),
        place=place(offset, PAGE_ROWS, more=more is not None),
    )


@router.get("/console/dead-letters/{letter_id}", dependencies=[requires("batch:read")])
def dead_letter_page(request: Request, letter_id: str) -> Response:
    return _letter_page(request, letter_id)


@router.post("/console/dead-letters/{letter_id}/retry", dependencies=[requires("dead-letters:handle")])
@writes(RETRY)
def retry_dead_letter(request: Request, letter_id: str, version: Annotated[QueryInt, Form()]) -> Response:
    try:
        letter = actions.retry(request, letter_id, version)
    except InvalidInput as error:
        return _refused(request, letter_id, error)
    run_id = letter.retry_run_id or letter.run_id  # it may have ended already
    return redirect(request, f"/console/runs/{run_id}")


@router.post("/console/dead-letters/{letter_id}/discard", dependencies=[requires("dead-letters:handle")])
@writes(DISCARD)
def discard_dead_letter(
    request: Request,
    letter_id: str,
    version: Annotated[QueryInt, Form()],
    reason: Reason = "",
) -> Response:
    try:
        actions.discard(request, letter_id, version, reason.strip())
    except InvalidInput as error:
        return _refused(request, letter_id, error, reason=reason)
    return redirect(request, "/console/dead-letters", message=_("The dead letter is discarded."))


@router.get("/console/incidents", dependencies=[requires("batch:read")])
def incidents_page(request: Request, resolved: QueryBool = False, job: str = "", offset: Offset = 0) -> Response:
    operations = operations_of(request)
    incidents, more = service.incidents(
        operations, open_only=not resolved, job=job or None, limit=PAGE_ROWS, offset=offset
    )
    return show(
        request,
        "incidents",
        incidents=incidents,
        **triage_pages.listed(request, INCIDENT, triage.of_incidents(operations, incidents)),
        job=job,
        jobs=options({known.name: known.title for known in operations.registry}, _("All")),
        resolved=resolved,
        place=place(offset, PAGE_ROWS, more=more is not None),
    )


def _letter_page(request: Request, letter_id: str, **values: Any) -> Response:
    operations = operations_of(request)
    letter = service.dead_letter(operations, letter_id)
    known = triage_pages.handling(request, LETTER, letter_id, triage.of_letters(operations, [letter])[letter_id])
    may_decide = known["may_handle"] and current(request).may(triage.permission_of(operations.registry, letter.job))
    shown = {"reason": "", "errors": {}, "may_decide": may_decide, **known, **values}
    return show(request, "dead_letter", letter=letter, **shown)


def _refused(request: Request, letter_id: str, error: InvalidInput, *, reason: str = "") -> Response:
    """The dead letter as it is now, and why nothing was done to it."""
    status = 409 if isinstance(error, Conflict) else None
    return _letter_page(request, letter_id, status=status, reason=reason, errors=field_errors(error))


def _card(request: Request, card: DashboardCard) -> dict[str, Any] | None:
    """A card that cannot be loaded says so; the dashboard stays."""
    if not current(request).may(card.permission):
        return None
    try:
        data = card.load(request)
    except PlatformError as error:
        return {"title": card.title, "problem": translated(error)}
    return None if data is None else {"title": card.title, "template": card.template, "data": data}


def _worst_first(night: tuple[str, list[Run]]) -> tuple[int, str]:
    """Jobs whose newest run failed come first, then those that go on."""
    name, runs = night
    newest = runs[-1].status
    return (0 if newest is RunStatus.FAILURE else 1 if not newest.ended else 2), name
