"""Approvals and deadlines: what waits for whom, since when, until when; page, route and words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from batch_platform.operations import service, waiting
from batch_platform.operations.waiting import Waiting
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.schemas import WaitingAnswer
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import QueryBool, Text
from batch_platform.web.console import NavItem, render
from batch_platform.web.i18n import N_, ngettext
from batch_platform.web.i18n import gettext as _

HERE: Final = "/console/waiting"
NAVIGATION: Final = NavItem(
    key="waiting",
    label=N_("Approvals and deadlines"),
    path=HERE,
    permission="batch:read",
    order=15,
    count=lambda request: waiting.count(operations_of(request), current(request)),
)
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

router = APIRouter(prefix="/api/admin/batch", tags=["batch"])
pages = APIRouter(include_in_schema=False)


@router.get("/waiting", dependencies=[requires("batch:read")])
def list_waiting(
    request: Request,
    mine: Annotated[QueryBool, Query(description="Only what the caller may decide himself.")] = False,
    domain: Annotated[Text | None, Query(description="Only what waits in this domain.", examples=["zengin"])] = None,
) -> Envelope[list[WaitingAnswer]]:
    """What waits for people and by when, what ends first first; of each kind the first 200."""
    reader = current(request)
    rows = waiting.listed(operations_of(request), reader, mine=mine, domain=domain)
    return Envelope(data=[WaitingAnswer.of_waiting(row, reader) for row in rows])


@pages.get(HERE, dependencies=[requires("batch:read")])
def waiting_page(request: Request, mine: str = "") -> Response:
    operations, reader = operations_of(request), current(request)
    rows = waiting.listed(operations, reader)
    decidable = [row for row in rows if row.may_decide(reader)]
    due = [job for job in service.jobs(operations) if job.deadline_at is not None]
    return render(
        request,
        "operations/waiting.html",
        **words(request),
        rows=decidable if mine else rows,
        mine=bool(mine),
        counts=(len(rows), len(decidable)),
        due=sorted(due, key=lambda job: job.deadline_at or operations.clock()),
        titles={job.name: job.title for job in operations.registry},
        now=operations.clock(),
    )


def words(request: Request) -> dict[str, Any]:
    """What the rows of the page and the dashboard are shown with."""
    reader, now = current(request), operations_of(request).clock()

    def excluded(row: Waiting) -> str:
        return ", ".join(dict.fromkeys(account.partition(":")[2] or account for account in row.not_by))

    return {
        "roles_of": lambda row: row.roles(reader),
        "may_decide": lambda row: row.may_decide(reader),
        "excluded": excluded,
        "ago": lambda moment: _("since %(time)s ago", time=_length(now - moment)),
        "left": lambda moment: _left(moment, now),
    }


def _left(moment: datetime, now: datetime) -> str:
    if moment <= now:
        return _("for %(time)s overdue", time=_length(now - moment))
    return _("in %(time)s", time=_length(moment - now))


def _length(length: timedelta) -> str:
    """In whole days, hours or minutes."""
    if length >= 2 * _DAY:
        return ngettext("%(num)s day", "%(num)s days", length // _DAY)
    if length >= _HOUR:
        return ngettext("%(num)s hour", "%(num)s hours", length // _HOUR)
    return ngettext("%(num)s minute", "%(num)s minutes", max(length // _MINUTE, 1))
