"""The page of a job: how it stands, run now, its switches and history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response

from batch_platform.operations import service
from batch_platform.operations.model import RunStatus
from batch_platform.operations.parameters import inputs
from batch_platform.operations.web import charts
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.rendering import show
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import STATES, options
from batch_platform.web.context import web_of
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import place

PAGE_ROWS: Final = 25
PARAMETER: Final = "parameters."


def job_page(
    request: Request,
    name: str,
    *,
    chosen: RunStatus | None = None,
    offset: int = 0,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    asking: bool = False,
    switch: Mapping[str, Any] | None = None,
    status: int | None = None,
) -> Response:
    """The page of a job; `switch` is the switch that was refused: its trigger's `name`, `reason` and `errors`."""
    operations = operations_of(request)
    overview = service.status(operations, name)
    job = overview.job
    runs, more = service.history(operations, job.name, limit=PAGE_ROWS, offset=offset, status=chosen)
    newest = runs if not (chosen or offset) else service.history(operations, job.name, limit=PAGE_ROWS)[0]
    fields = inputs(job.parameters)
    shown = {PARAMETER + field.name: field.default for field in fields} | dict(values or {})
    return show(
        request,
        "job",
        status=status,
        overview=overview,
        missed=[gap for gap in reversed(overview.missing) if gap.overdue],
        job=job,
        runs=runs,
        filters=options({state.value: STATES[state.value] for state in RunStatus}, _("All")),
        chosen=chosen or "",
        durations=charts.durations(newest),
        fields=fields,
        values=shown,
        answers=[(_(field.label), shown[PARAMETER + field.name] or "–") for field in fields],
        errors=errors,
        asking=asking,
        switch=switch or {"name": None},
        may_switch=current(request).may("triggers:switch") and current(request).may(job.permission),
        request_id=request_id(request),
        may_run=current(request).may(job.permission),
        place=place(offset, PAGE_ROWS, more=more is not None),
    )


def request_id(request: Request) -> str:
    """Names one showing of a form: sending it twice starts one run."""
    return web_of(request).random(16).hex()
