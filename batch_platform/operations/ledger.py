"""Copies Dagster's runs into the ledger and settles the dead letters by it. Doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from batch_platform.operations.model import RunStatus

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.model import Run

OVERLAP: Final = timedelta(minutes=10)
"""How far each look goes back: events are stored after their own time, and clocks of machines differ."""

_PAGE: Final = 200
_MARK: Final = "runs copied"


def sync(ctx: OperationsContext) -> int:
    """Copy what changed since the last look, then make and settle dead letters; how many runs changed.

    Raises what the databases raise; a killed call is repeated as a whole by the next one.
    """
    with ctx.store.transaction() as session:
        going = session.going_runs()
        mark = session.mark(_MARK)
    since = mark[0] - OVERLAP if mark else None
    started, newest = ctx.clock(), mark[0] if mark else None
    changed, after_run = 0, None
    while True:
        page = ctx.dagster.changed_runs(updated_after=since, after_run=after_run, limit=_PAGE)
        changed += _save(ctx, page.runs)
        if page.newest_update is not None:
            newest = max(newest or page.newest_update, page.newest_update)
        if page.next_after is None:
            break
        after_run = page.next_after
    changed += _look_again(ctx, going)
    with ctx.store.transaction() as session:
        if newest is not None:
            # never ahead of this clock: a machine whose clock is fast must not hide the others' runs
            session.set_mark(_MARK, min(newest, started))
        session.settle_dead_letters(now=ctx.clock())
    return changed


def copy(ctx: OperationsContext, run_id: str) -> None:
    """Copy one run of a registered job now, for whoever has just asked for it or looks at it."""
    names = {job.name for job in ctx.registry}
    _save(ctx, [run for run in ctx.dagster.runs([run_id]) if run.job in names])


def _look_again(ctx: OperationsContext, going: Sequence[str]) -> int:
    """The runs that had not ended, whenever they changed; one that Dagster has no more is over."""
    changed = 0
    for start in range(0, len(going), _PAGE):
        part = going[start : start + _PAGE]
        runs = ctx.dagster.runs(part)
        changed += _save(ctx, runs)
        vanished = set(part) - {run.run_id for run in runs}
        if vanished:
            with ctx.store.transaction() as session:
                changed += session.end_vanished_runs(sorted(vanished), now=ctx.clock())
    return changed


def _save(ctx: OperationsContext, runs: Sequence[Run]) -> int:
    """Save those that changed; only the ended ones among them have their events read."""
    if not runs:
        return 0
    with ctx.store.transaction() as session:
        known = session.known_runs([run.run_id for run in runs])
    new = [run for run in runs if known.get(run.run_id, (None, False)) != (run.updated_at, run.status.ended)]
    if not new:
        return 0
    complete = [_with_outcome(ctx, run) if run.status.ended else run for run in new]
    with ctx.store.transaction() as session:
        return session.save_runs(complete)


def _with_outcome(ctx: OperationsContext, run: Run) -> Run:
    attempts, cause = ctx.dagster.outcome(run.run_id)
    # what interrupts the steps of a cancelled run is no failure
    return replace(run, attempts=attempts, cause=cause if run.status is RunStatus.FAILURE else None)
