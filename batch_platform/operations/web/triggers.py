"""The switch of schedules and sensors on the page of their job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.operations.actions import STARTS, STOPS
from batch_platform.operations.web import actions
from batch_platform.operations.web.job_page import job_page
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.i18n import gettext as _

Reason = Annotated[str, Form(max_length=1_000)]

pages = APIRouter(include_in_schema=False)


@pages.post("/console/jobs/{name}/triggers/{trigger}/start", dependencies=[requires("triggers:switch")])
@writes(*STARTS)
def start_trigger(request: Request, name: str, trigger: str, reason: Reason = "") -> Response:
    return _switched(request, name, trigger, on=True, reason=reason)


@pages.post("/console/jobs/{name}/triggers/{trigger}/stop", dependencies=[requires("triggers:switch")])
@writes(*STOPS)
def stop_trigger(request: Request, name: str, trigger: str, reason: Reason = "") -> Response:
    return _switched(request, name, trigger, on=False, reason=reason)


def _switched(request: Request, name: str, trigger: str, *, on: bool, reason: str) -> Response:
    here = f"/console/jobs/{name}"
    try:
        actions.switch(request, name, trigger, on=on, reason=reason)
    except NotFound:
        raise
    except Conflict as error:
        return redirect(request, here, message=error.message, tone="warning")
    except InvalidInput as error:
        refused = {"name": trigger, "reason": reason, "errors": field_errors(error)}
        return job_page(request, name, switch=refused, status=422)
    message = _("%(name)s is switched on.") if on else _("%(name)s is switched off.")
    return redirect(request, here, message=message % {"name": trigger})
