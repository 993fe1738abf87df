"""Maintenance windows: their routes, their page, and the banner that stands on every page while one lasts."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Path, Request, Response
from pydantic import Field

from batch_platform.core.clock import parse_moment
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.operations import actions, pauses
from batch_platform.operations.actions import BEGIN_PAUSE, END_PAUSE
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.schemas import PauseAnswer
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.paging import Page, PageQuery
from batch_platform.web.api.strict import IsoMoment, QueryInt, StrictModel, Text
from batch_platform.web.console import Banner, NavItem, field_errors, redirect, render
from batch_platform.web.context import log_of, web_of
from batch_platform.web.formats import in_japan
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Offset, place

HERE: Final = "/console/pauses"
NAVIGATION: Final = NavItem(
    key="pauses", label=N_("Maintenance windows"), path=HERE, permission="batch:read", order=35
)
PAGE_ROWS: Final = 25

router = APIRouter(prefix="/api/admin/batch", tags=["batch"])
pages = APIRouter(include_in_schema=False)

PauseId = Annotated[QueryInt, Path(alias="pauseId", ge=1, le=2**63 - 1, description="A pause's id.")]


class PauseRequest(StrictModel):
    """Schedules and sensors launch nothing until `until`; everybody reads `reason`."""

    until: IsoMoment = Field(examples=["2026-12-01T06:00:00+09:00"])
    reason: Text = Field(min_length=1, max_length=1_000, examples=["the database gets a new version"])


class EndRequest(StrictModel):
    """Why the pause ends before its time."""

    reason: Text = Field(min_length=1, max_length=1_000, examples=["done two hours early"])


@router.get("/pauses", dependencies=[requires("batch:read")])
def list_pauses(request: Request, page: Annotated[PageQuery, Depends()]) -> Envelope[Page[PauseAnswer]]:
    """Maintenance windows with the moments of schedules that fell into them, newest first."""
    operations = operations_of(request)
    rows, following = pauses.listed(operations.pool, limit=page.limit, offset=page.offset, cursor=page.cursor)
    now = operations.clock()
    items = [PauseAnswer.of_pause(pause, moments, now) for pause, moments in rows]
    return Envelope(data=Page(items=items, next_cursor=following))


@router.post("/pauses", status_code=201, dependencies=[requires("pauses:declare")])
@writes(BEGIN_PAUSE)
def begin_pause(body: PauseRequest, request: Request) -> Envelope[PauseAnswer]:
    """Pause everything that starts by itself from now on. 409 while there is a pause."""
    operations = operations_of(request)
    pause = actions.begin_pause(operations, log_of(request), until=body.until, reason=body.reason)
    return Envelope(data=PauseAnswer.of_pause(pause, [], operations.clock()))


@router.post("/pauses/{pauseId}/end", dependencies=[requires("pauses:declare")])
@writes(END_PAUSE)
def end_pause(pause_id: PauseId, body: EndRequest, request: Request) -> Envelope[PauseAnswer]:
    """End a pause before its time; what schedules left is caught up within seconds. 409 when it is over."""
    operations = operations_of(request)
    pause = actions.end_pause(operations, log_of(request), pause_id, reason=body.reason)
    return Envelope(data=PauseAnswer.of_pause(pause, [], operations.clock()))


@pages.get(HERE, dependencies=[requires("batch:read")])
def pauses_page(request: Request, offset: Offset = 0) -> Response:
    return _page(request, offset=offset)


@pages.post(HERE, dependencies=[requires("pauses:declare")])
@writes(BEGIN_PAUSE)
def begin_pause_form(
    request: Request,
    until: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    try:
        try:
            end = parse_moment(until.strip())
        except ValueError as error:
            raise InvalidInput.of(error.args[0], field="until") from None
        actions.begin_pause(operations_of(request), log_of(request), until=end, reason=reason)
    except InvalidInput as error:
        return _refused(request, error, until=until, reason=reason)
    return redirect(request, HERE, message=_("Schedules and sensors are paused."))


@pages.post(HERE + "/{pause_id}/end", dependencies=[requires("pauses:declare")])
@writes(END_PAUSE)
def end_pause_form(
    request: Request, pause_id: QueryInt, reason: Annotated[str, Form(max_length=1_000)] = ""
) -> Response:
    try:
        actions.end_pause(operations_of(request), log_of(request), pause_id, reason=reason)
    except NotFound:
        raise
    except InvalidInput as error:
        return _refused(request, error, ending=True)
    return redirect(request, HERE, message=_("The pause is over; what schedules left is caught up now."))


def banner(request: Request) -> Banner | None:
    """Who paused everything, why, and until when; for whoever may see jobs."""
    if not current(request).may("batch:read"):
        return None
    web = web_of(request)
    pause = pauses.active(web.pool, web.clock())
    if pause is None:
        return None
    text = _(
        "Schedules and sensors are paused until %(until)s: %(reason)s (%(by)s)",
        until=in_japan(pause.ends_at),
        reason=pause.reason,
        by=pause.declared_by,
    )
    return Banner(text, HERE)


def _refused(request: Request, error: InvalidInput, **values: Any) -> Response:
    return _page(request, status=409 if isinstance(error, Conflict) else 422, errors=field_errors(error), **values)


def _page(request: Request, *, offset: int = 0, status: int | None = None, **values: Any) -> Response:
    operations = operations_of(request)
    now = operations.clock()
    rows, more = pauses.listed(operations.pool, limit=PAGE_ROWS, offset=offset)
    shown = {"until": "", "reason": "", "errors": {}, "ending": False, **values}
    return render(
        request,
        "operations/pauses.html",
        status=status,
        rows=rows,
        current=pauses.active(operations.pool, now),
        titles={job.name: job.title for job in operations.registry},
        may_pause=current(request).may("pauses:declare"),
        now=now,
        place=place(offset, PAGE_ROWS, more=more is not None),
        **shown,
    )
