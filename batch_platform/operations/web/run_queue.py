"""The queue of runs, and the priority of those in it; API and pages."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Request, Response
from pydantic import Field

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.operations import run_queue
from batch_platform.operations.run_queue import HIGHEST, PRIORITIZE
from batch_platform.operations.runner import QueuedRun
from batch_platform.operations.web import actions
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.rendering import show
from batch_platform.operations.web.run_page import run_page
from batch_platform.operations.web.schemas import QueuedRunAnswer
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import StrictModel, Text
from batch_platform.web.console import NavItem, field_errors, redirect
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Offset, place_among

HERE: Final = "/console/queue"
NAVIGATION: Final = NavItem(key="queue", label=N_("Run queue"), path=HERE, permission="batch:read", order=15)
PAGE_ROWS: Final = 50

router = APIRouter()
"""Below the prefix of the operations API."""

pages = APIRouter(include_in_schema=False)

RunId = Annotated[Text, Path(alias="runId", description="A run's id.")]


class PriorityRequest(StrictModel):
    """The highest `priority` is started first; who finds it changed reads `reason` in the audit log."""

    priority: int = Field(ge=-HIGHEST, le=HIGHEST, examples=[10])
    reason: Text = Field(min_length=1, max_length=1_000, examples=["the bank waits for this file"])


@router.get("/queue", dependencies=[requires("batch:read")])
def list_queue(request: Request) -> Envelope[list[QueuedRunAnswer]]:
    """The queued runs, in the order in which they are started."""
    return Envelope(data=[QueuedRunAnswer.of_queued(each) for each in run_queue.queue(operations_of(request))])


@router.post("/runs/{runId}/prioritize", dependencies=[requires("jobs:run")])
@writes(PRIORITIZE)
def prioritize_run(run_id: RunId, body: PriorityRequest, request: Request) -> Envelope[QueuedRunAnswer]:
    """Change the priority of a queued run. 409 when it is not queued any more, or has this priority already."""
    changed = actions.prioritize(request, run_id, body.priority, body.reason)
    return Envelope(data=QueuedRunAnswer.of_queued(changed), message=f"run {run_id} has priority {body.priority}")


@pages.get(HERE, dependencies=[requires("batch:read")])
@pages.get(HERE + "/live", dependencies=[requires("batch:read")])
def queue_page(request: Request, offset: Offset = 0) -> Response:
    """The queue, or the part of its page that changes by itself."""
    rows: list[QueuedRun] = run_queue.queue(operations_of(request))
    return show(
        request,
        "run_queue_live" if request.url.path.endswith("/live") else "run_queue",
        rows=rows[offset : offset + PAGE_ROWS],
        offset=offset,
        place=place_among(offset, PAGE_ROWS, len(rows)),
    )


@pages.post("/console/runs/{run_id}/prioritize", dependencies=[requires("jobs:run")])
@writes(PRIORITIZE)
def prioritize_from_page(
    request: Request,
    run_id: str,
    priority: Annotated[str, Form(max_length=100)] = "",
    reason: Annotated[str, Form(max_length=1_000)] = "",
) -> Response:
    here = f"/console/runs/{run_id}"
    try:
        changed = actions.prioritize(request, run_id, run_queue.read_priority(priority), reason)
    except NotFound:
        raise
    except Conflict as error:
        return redirect(request, here, message=error.message, tone="warning")
    except InvalidInput as error:
        refused: dict[str, Any] = {"priority": priority, "reason": reason, "errors": field_errors(error)}
        return run_page(request, run_id, refused=refused, status=422)
    return redirect(request, here, message=_("The run has priority %(priority)s.", priority=changed.priority))
