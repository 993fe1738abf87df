"""The queue of runs, and who goes first: Dagster starts the highest priority, of the same the oldest."""

from __future__ import annotations

from typing import Final

from batch_platform.core.audit import Log
from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.numbers import parse_whole
from batch_platform.operations import service
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.runner import QueuedRun

PRIORITIZE: Final = "run.prioritize"
HIGHEST: Final = 100
"""Priorities are whole numbers from minus to plus this; a run without one has 0, one of a backfill -1."""


def queue(ctx: OperationsContext) -> list[QueuedRun]:
    """The queued runs, in the order in which they are started."""
    return ctx.dagster.queue()


def queued(ctx: OperationsContext, run_id: str) -> QueuedRun | None:
    """The run if it is queued."""
    return next(iter(ctx.dagster.queue(run_id)), None)


def read_priority(text: str) -> int:
    """As a person writes it. Raises `InvalidInput`."""
    try:
        return parse_whole(text)
    except ValueError:
        raise _out_of_range() from None


def prioritizable(ctx: OperationsContext, run_id: str, priority: int, *, reason: str) -> QueuedRun:
    """The queued run whose priority can be changed so.

    Raises `NotFound`, `InvalidInput` for an empty reason and a priority out of range, and `Conflict` for a run that
    is not queued any more or has this priority already.
    """
    run = service.run(ctx, run_id).run
    if abs(priority) > HIGHEST:
        raise _out_of_range()
    if not reason.strip():
        raise InvalidInput("priority-reason-needed", "say why the priority changes", field="reason")
    known = queued(ctx, run.run_id)
    if known is None:
        raise _not_queued(run_id)
    if known.priority == priority:
        raise Conflict(
            "priority-already",
            "run {run} has priority {priority} already",
            run=run_id,
            priority=priority,
            field="priority",
        )
    return known


def prioritize(ctx: OperationsContext, log: Log, run_id: str, priority: int, *, reason: str) -> QueuedRun:
    """Change the priority of a queued run. Raises as `prioritizable` does, also when it is started meanwhile."""
    before = prioritizable(ctx, run_id, priority, reason=reason)
    with log.intent(PRIORITIZE, run_id, {"jobName": before.run.job, "priority": before.priority}) as intent:
        if not ctx.dagster.prioritize(run_id, priority):
            raise _not_queued(run_id)
        intent.after = {"priority": priority, "reason": reason.strip()}
    return QueuedRun(before.run, priority)


def _out_of_range() -> InvalidInput:
    return InvalidInput(
        "priority-out-of-range",
        "a priority is a whole number from -{highest} to {highest}",
        highest=HIGHEST,
        field="priority",
    )


def _not_queued(run_id: str) -> Conflict:
    return Conflict(
        "run-not-queued", "run {run} is not queued any more: it was started or ended", run=run_id, field="run_id"
    )
