"""Backfills: a job's runs over a range of days, one for each partition that the job's plan makes of them.

What is asked for is written whole, with the ids that the runs will have; the runs are asked for a few at a time by
whoever comes by (`advance`: the monitor, a command that waits), so that the night's own jobs are not kept waiting and
a process that is killed leaves nothing undone and nothing done twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from pydantic import ValidationError

from batch_platform.core import cursors
from batch_platform.core.audit import Log
from batch_platform.core.clock import parse_day
from batch_platform.core.failures import (
    Conflict,
    InvalidInput,
    NotFound,
    PlatformError,
    TransientFailure,
)
from batch_platform.core.ids import uuid7
from batch_platform.core.logs import in_one_line
from batch_platform.core.validation import refusal_of
from batch_platform.operations import ledger
from batch_platform.operations.backfill_store import AT_ONCE, Backfill, BackfillRun, BackfillStore, PlannedBackfill
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import BACKFILL_TAG, Job, JobParameters, Launch
from batch_platform.operations.runner import PRIORITY_TAG

BACKFILL: Final = "job.backfill"
CANCEL_BACKFILL: Final = "backfill.cancel"

DAYS_AT_MOST: Final = 400
_IDS: Final = UUID("b1c5a1f6-1d2e-5f7c-8a64-3a7f5d0c9e21")
_DAY: Final = timedelta(days=1)
_log = structlog.get_logger(__name__)


def planned(
    ctx: OperationsContext, name: str, first_day: date, last_day: date, parameters: Mapping[str, Any]
) -> PlannedBackfill:
    """What a backfill of the days from first to last would run; days that the job does not take are left out.

    Several days of one partition are one run. Raises `NotFound`, and `InvalidInput` when no day has a partition.
    """
    job = ctx.registry.get(name)
    _check_days(first_day, last_day)
    partitions: dict[date, str] = {}
    refusal: InvalidInput | None = None
    for day in _days(first_day, last_day):
        try:
            launch = _launch(ctx, job, day, parameters)
        except NotFound as error:
            raise InvalidInput.of(error.message, field=error.field) from None
        except InvalidInput as error:
            if error.field not in ("targetDate", "target_date"):
                raise
            refusal = refusal or error
            continue
        place = _place(launch)
        if place is not None and _is_of(day, place) and place not in partitions.values():
            partitions[day] = place
    if not partitions and refusal is not None:
        raise refusal
    if not partitions:
        raise InvalidInput(
            "no-partition-of-days",
            "{job} has no partition of these days with these parameters",
            job=job.name,
            field="from",
        )
    return PlannedBackfill(job, first_day, last_day, dict(parameters), partitions)


def start(ctx: OperationsContext, log: Log, plan: PlannedBackfill, *, key: str | None = None) -> Backfill:
    """Write the backfill with its audit row; its runs are asked for by `advance`. One key is one backfill.

    Raises `Conflict` for a key that was used for another one, and while another is at work on one of its partitions.
    """
    now = ctx.clock()
    backfill_id = uuid7(now) if key is None else str(uuid5(_IDS, f"{plan.job.name} {log.who} {key}"))
    with BackfillStore(ctx.pool).transaction() as session:
        if session.add(plan, backfill_id, by=log.who, now=now):
            log.record(session.connection, BACKFILL, plan.job.name, after={"backfillId": backfill_id} | _brief(plan))
        backfill = session.backfill(backfill_id)
    if (backfill.first_day, backfill.last_day, backfill.parameters) != (
        plan.first_day,
        plan.last_day,
        plan.parameters,
    ):
        raise Conflict("key-of-another-backfill", "the key was used for backfill {backfill}", backfill=backfill_id)
    return backfill


def read_day(text: str, field: str) -> date:
    """Raises `InvalidInput` that names the field."""
    try:
        return parse_day(text.strip())
    except ValueError:
        raise InvalidInput(
            "unreadable-day", "{text} is no day: it is written 2026-10-31", text=repr(text), field=field
        ) from None


def cancel(ctx: OperationsContext, log: Log, backfill_id: str) -> Backfill:
    """Ask for no further run, and stop those that go on. Raises `NotFound`, and `Conflict` when it has ended."""
    with BackfillStore(ctx.pool).transaction() as session:
        before = session.backfill(backfill_id)
        ended = before.ended == before.total
        if ended or not session.cancel(backfill_id, by=log.who, now=ctx.clock()):
            state = before.status.value
            raise Conflict(
                "backfill-ended",
                "backfill {backfill} cannot be canceled: it is {state}",
                backfill=backfill_id,
                state=state,
            )
        log.record(session.connection, CANCEL_BACKFILL, backfill_id, before=_counts(before))
    return advance(ctx, backfill_id)


def backfill(ctx: OperationsContext, backfill_id: str) -> tuple[Backfill, list[BackfillRun]]:
    """One, with its runs by day. Raises `NotFound`."""
    with BackfillStore(ctx.pool).snapshot() as session:
        return session.backfill(backfill_id), session.runs(backfill_id)


def backfills(
    ctx: OperationsContext, *, job: str | None = None, limit: int = 50, offset: int = 0, cursor: str | None = None
) -> tuple[list[Backfill], str | None]:
    """Newest first. Raises `NotFound` for an unknown job."""
    name = ctx.registry.get(job).name if job else None
    after = cursors.decode(cursor, at=datetime, id=str)
    with BackfillStore(ctx.pool).transaction() as session:
        rows = session.backfills(job=name, after=after, limit=limit + 1, offset=offset)
    return cursors.cut(rows, limit, lambda row: {"at": row.created_at, "id": row.id})


def advance_all(ctx: OperationsContext) -> int:
    """The monitor's duty: ask for the next runs of every backfill, and stop those of canceled ones; how many are at
    work."""
    if ctx.runner is None:
        return 0
    with BackfillStore(ctx.pool).transaction() as session:
        at_work = session.at_work()
    for backfill_id in at_work:
        advance(ctx, backfill_id)
    return len(at_work)


def advance(ctx: OperationsContext, backfill_id: str, *, at_most: int = AT_ONCE) -> Backfill:
    """Ask for its next runs, as many as may be at work, or stop what goes on of a canceled one."""
    store = BackfillStore(ctx.pool)
    ctx.require_runner()
    with store.transaction() as session:
        current = session.backfill(backfill_id)
        runs = session.runs(backfill_id) if current.canceled_at else []
    for run in runs:
        if run.status in ("queued", "starting", "running"):
            _stop(ctx, run.run_id, current.canceled_by or "monitor")
    for _ in range(0 if current.canceled_at else at_most):
        with store.transaction() as session:
            taken = session.take(backfill_id, now=ctx.clock())
        if taken is None or not _ask(ctx, current, *taken):
            break
    with store.transaction() as session:
        return session.backfill(backfill_id)


def days(
    ctx: OperationsContext, name: str, first_day: date, last_day: date, parameters: Mapping[str, Any]
) -> dict[date, str | None]:
    """How each day of the range stands: `none` without a run of its partition, None where the job has none."""
    try:
        plan = planned(ctx, name, first_day, last_day, parameters)
    except InvalidInput:
        return dict.fromkeys(_days(first_day, last_day))
    with BackfillStore(ctx.pool).transaction() as session:
        rows = session.partitions(plan.job.name)
    newest = {row["partition"]: row["status"] for row in rows if row["partition_end"] is None}
    ranges = [row for row in rows if row["partition_end"] is not None]

    def state(place: str) -> str:
        first, _, last = place.partition("...")
        covering = (
            row["status"] for row in ranges if row["partition"] <= first and (last or first) <= row["partition_end"]
        )
        return newest.get(place) or next(covering, "none")

    return {
        day: state(plan.partitions[day]) if day in plan.partitions else None for day in _days(first_day, last_day)
    }


def _ask(ctx: OperationsContext, current: Backfill, day: date, run_id: str) -> bool:
    """Whether there is a point in asking for the next one now."""
    assert ctx.runner is not None
    try:
        launch = _launch(ctx, ctx.registry.get(current.job), day, current.parameters)
        tags = {**launch.tags, BACKFILL_TAG: current.id, PRIORITY_TAG: "-1"}
        submitted = ctx.runner.submit(replace(launch, tags=tags), requested_by=current.requested_by, run_id=run_id)
        ledger.copy(ctx, submitted)
    except TransientFailure as error:
        _log.warning("backfill_waits", backfill=current.id, day=str(day), reason=in_one_line(error))
        with BackfillStore(ctx.pool).transaction() as session:
            session.wait(run_id)
        return False
    except PlatformError as error:
        with BackfillStore(ctx.pool).transaction() as session:
            session.refuse(run_id, error.message)
    return True


def _stop(ctx: OperationsContext, run_id: str, by: str) -> None:
    assert ctx.runner is not None
    try:
        ctx.runner.cancel(run_id, requested_by=by)
        ledger.copy(ctx, run_id)
    except (Conflict, NotFound) as error:  # it has ended meanwhile, or belongs to a command that waits for it
        _log.info("backfill_run_not_stopped", run=run_id, reason=in_one_line(error))


def _launch(ctx: OperationsContext, job: Job, day: date, parameters: Mapping[str, Any]) -> Launch:
    values = {**parameters, "targetDate": day.isoformat()}
    try:
        given: JobParameters = job.parameters.model_validate_json(json.dumps(values), by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal_of(error) from None
    return job.launch(ctx.pool, given, ctx.clock())


def _place(launch: Launch) -> str | None:
    return "...".join(launch.partition_range) if launch.partition_range else launch.partition


def _is_of(day: date, place: str) -> bool:
    """Whether a partition is this day's, or its month's: jobs that look at no target date have the same for any."""
    month = rf"{day:%Y-%m}(-01)?(?!-?\d)"
    return day.isoformat() in place or re.search(month, place) is not None


def _days(first_day: date, last_day: date) -> Iterator[date]:
    return (first_day + number * _DAY for number in range((last_day - first_day).days + 1))


def _check_days(first_day: date, last_day: date) -> None:
    if last_day < first_day:
        raise InvalidInput("days-backwards", "the last day is before the first", field="to")
    if (last_day - first_day).days >= DAYS_AT_MOST:
        raise InvalidInput("backfill-too-long", "a backfill has {limit} days at most", limit=DAYS_AT_MOST, field="to")


def _brief(plan: PlannedBackfill) -> dict[str, Any]:
    """What the audit log keeps, named as in the API."""
    return {
        "firstDay": plan.first_day.isoformat(),
        "lastDay": plan.last_day.isoformat(),
        "parameters": dict(plan.parameters),
        "runs": len(plan.partitions),
    }


def _counts(backfill: Backfill) -> dict[str, Any]:
    return {
        "jobName": backfill.job,
        "succeeded": backfill.succeeded,
        "going": backfill.going,
        "planned": backfill.planned,
    }
