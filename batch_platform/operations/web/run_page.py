"""The page of a run, which several of its forms come back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request, Response

from batch_platform.core.failures import NotFound
from batch_platform.operations import run_queue, service
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.log_lines import that_matter
from batch_platform.operations.model import Run, RunStatus
from batch_platform.operations.parameters import written
from batch_platform.operations.run_queue import HIGHEST
from batch_platform.operations.web.actions import operations_of
from batch_platform.operations.web.job_page import PARAMETER, request_id
from batch_platform.operations.web.rendering import show
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import Words
from batch_platform.web.i18n import N_

LINE_KINDS: Final[Words] = {
    "failure": (N_("Failure"), "bad"),
    "retry": (N_("Retry"), "warning"),
    "warning": (N_("Warning"), "warning"),
    "progress": (N_("Progress"), "neutral"),
}


def run_page(
    request: Request, run_id: str, *, refused: Mapping[str, Any] | None = None, status: int | None = None
) -> Response:
    """A run, or the part of its page that changes; `refused` is a change of its priority that was not taken."""
    operations = operations_of(request)
    detail = service.run(operations, run_id)
    run = detail.run
    job = next((job for job in operations.registry if job.name == run.job), None)
    return show(
        request,
        "run_live" if request.url.path.endswith("/live") else "run",
        status=status,
        detail=detail,
        run=run,
        job=job,
        letter_id=_letter_of(operations, run),
        queued=run_queue.queued(operations, run_id) if run.status is RunStatus.QUEUED else None,
        refused=refused,
        highest=HIGHEST,
        again={PARAMETER + name: written(value) for name, value in run.parameters.items() if name != "dryRun"},
        request_id=request_id(request),
        may_run=job is not None and current(request).may(job.permission),
        columns=_columns(detail.dry_run_rows or ()),
        first_lines=that_matter(detail.messages),
        line_kinds=LINE_KINDS,
    )


def _letter_of(operations: OperationsContext, run: Run) -> str | None:
    """The dead letter that a failed run made or belongs to."""
    if run.status is not RunStatus.FAILURE or run.dry_run:
        return None
    try:
        return service.dead_letter(operations, run.dead_letter_id or run.root_run_id).id
    except NotFound:  # it is tried again, or the monitor has not met it yet
        return None


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every name that a row has; whole columns of numbers stand to the right."""
    names = dict.fromkeys(name for row in rows for name in row)
    values = {name: [row[name] for row in rows if row.get(name) is not None] for name in names}
    return [{"label": name, "number": all(type(value) in (int, float) for value in values[name])} for name in names]
