"""`batch-platform jobs queue` and `jobs prioritize`: the queued runs, and who goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli import jobs
from batch_platform.cli.triage import jobs_app as jobs_app
from batch_platform.core.surfaces import writes
from batch_platform.kit.options import DryRun, Json, whole

if TYPE_CHECKING:
    from batch_platform.operations.runner import QueuedRun


@jobs_app.command("queue")
def show_queue(as_json: Json = False) -> None:
    """Show the queued runs, in the order in which they are started."""
    from batch_platform.operations import run_queue
    from batch_platform.operations.web.schemas import QueuedRunAnswer, written

    with jobs.operations_opened() as operations:
        queue = run_queue.queue(operations)
    answers = [written(QueuedRunAnswer.of_queued(queued)) for queued in queue]
    jobs.print_answer([_row(queued) for queued in queue], answers, as_json=as_json, empty="no run is queued")


@jobs_app.command("prioritize")
@writes("run.prioritize")
def prioritize(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run; see `jobs queue`.")],
    priority: Annotated[
        int, typer.Option(parser=whole(-100, 100), metavar="N", help="The highest is started first; 0 is usual.")
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it stands in the audit log.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Change the priority of a queued run, from -100 to 100."""
    from dataclasses import replace

    from batch_platform.operations import run_queue
    from batch_platform.operations.web.schemas import QueuedRunAnswer, written

    with jobs.operations_opened() as operations:
        if dry_run:
            queued = run_queue.prioritizable(operations, run_id, priority, reason=reason)
            queued = replace(queued, priority=priority)
        else:
            queued = run_queue.prioritize(operations, jobs.log_here(operations), run_id, priority, reason=reason)
    jobs.print_answer([_row(queued)], written(QueuedRunAnswer.of_queued(queued)), as_json=as_json, empty="")


def _row(queued: QueuedRun) -> dict[str, Any]:
    return {
        "run": queued.run.run_id,
        "job": queued.run.job,
        "partition": queued.run.place,
        "priority": queued.priority,
        "asked": queued.run.created_at,
        "by": queued.run.requested_by or queued.run.trigger.value,
    }
