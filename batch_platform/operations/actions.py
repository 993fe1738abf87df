"""What people do with jobs, runs and dead letters, alike on every surface; each leaves one row in the audit log.

`log` names who acts; whether that one may is the surface's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from batch_platform.core.audit import Log
from batch_platform.core.failures import (
    Conflict,
    InvalidInput,
    NotFound,
    PermanentFailure,
    PlatformError,
    TransientFailure,
)
from batch_platform.core.postgres import Connection
from batch_platform.operations import partitions, pauses, service, triggers
from batch_platform.operations.backfills import BACKFILL, CANCEL_BACKFILL
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.dagster.launch import RunResult
from batch_platform.operations.model import DeadLetter, JobParameters, Run, RunStatus, Sensor
from batch_platform.operations.partitions import Partition
from batch_platform.operations.pauses import Pause
from batch_platform.operations.run_queue import PRIORITIZE
from batch_platform.operations.triage import ACKNOWLEDGE, ASSIGN, COMMENT, DISCARD, RETRY
from batch_platform.operations.triage_store import INCIDENT, LETTER
from batch_platform.web.i18n import N_

EXECUTE: Final = "job.execute"
CANCEL: Final = "run.cancel"
START_SCHEDULE: Final = "dagster-schedule.start"
STOP_SCHEDULE: Final = "dagster-schedule.stop"
START_SENSOR: Final = "dagster-sensor.start"
STOP_SENSOR: Final = "dagster-sensor.stop"
BEGIN_PAUSE: Final = "pause.begin"
END_PAUSE: Final = "pause.end"
WIPE: Final = "partition.wipe"
STARTS: Final = (START_SCHEDULE, START_SENSOR)
STOPS: Final = (STOP_SCHEDULE, STOP_SENSOR)
"""As Dagster's own switch leaves them: whoever looks for a trigger finds all of it."""
ACTIONS: Final[Mapping[str, str]] = {
    EXECUTE: N_("%(who)s runs the job %(target)s"),
    CANCEL: N_("%(who)s cancels the run %(target)s"),
    PRIORITIZE: N_("%(who)s changes the priority of the run %(target)s"),
    RETRY: N_("%(who)s retries the dead letter %(target)s"),
    DISCARD: N_("%(who)s discards the dead letter %(target)s"),
    ACKNOWLEDGE[LETTER]: N_("%(who)s acknowledges the dead letter %(target)s"),
    ASSIGN[LETTER]: N_("%(who)s assigns the dead letter %(target)s"),
    COMMENT[LETTER]: N_("%(who)s comments on the dead letter %(target)s"),
    ACKNOWLEDGE[INCIDENT]: N_("%(who)s acknowledges the incident %(target)s"),
    ASSIGN[INCIDENT]: N_("%(who)s assigns the incident %(target)s"),
    COMMENT[INCIDENT]: N_("%(who)s comments on the incident %(target)s"),
    BACKFILL: N_("%(who)s asks for a backfill: %(target)s"),
    CANCEL_BACKFILL: N_("%(who)s cancels the backfill %(target)s"),
    START_SCHEDULE: N_("%(who)s starts the schedule %(target)s in Dagster"),
    STOP_SCHEDULE: N_("%(who)s stops the schedule %(target)s in Dagster"),
    START_SENSOR: N_("%(who)s starts the sensor %(target)s in Dagster"),
    STOP_SENSOR: N_("%(who)s stops the sensor %(target)s in Dagster"),
    BEGIN_PAUSE: N_("%(who)s pauses all schedules and sensors: %(target)s"),
    WIPE: N_("%(who)s wipes the materialization of the partition %(target)s"),
    END_PAUSE: N_("%(who)s ends the pause of schedules and sensors: %(target)s"),
}
"""By their names in the audit log, with the sentence that is read there."""

_FAILURES: Final[Mapping[str, type[PlatformError]]] = {
    kind.__name__: kind for kind in (Conflict, InvalidInput, NotFound, TransientFailure)
}


def start(
    ctx: OperationsContext,
    log: Log,
    name: str,
    parameters: Mapping[str, Any] | JobParameters,
    *,
    idempotency_key: str | None = None,
) -> Run:
    """Ask for a run of a job: the one way for pages, routes and commands. One key is one run and one row.

    Raises as `service.execute` does.
    """
    request = service.planned(ctx, name, parameters, by=log.who, idempotency_key=idempotency_key)
    if request.run_id is not None:
        log = replace(log, key=f"run {request.run_id}")
    with log.intent(EXECUTE, request.job.name) as intent:
        run = service.submit(ctx, request)
        intent.after = brief(run)
    return run


def run_here(
    ctx: OperationsContext,
    log: Log,
    name: str,
    parameters: Mapping[str, Any] | JobParameters,
    *,
    idempotency_key: str | None = None,
) -> RunResult:
    """As `start`, in this process and to its end. Raises what ended the run, if anything did.

    A run that an earlier process made under the same key is answered as it stands.
    """
    run = start(ctx, log, name, parameters, idempotency_key=idempotency_key)
    service.sync(ctx)
    results: Mapping[str, RunResult] = getattr(ctx.runner, "results", {})
    result = results.get(run.run_id) or RunResult(
        run.run_id, run.dagster_job, run.status is RunStatus.SUCCESS, run.cause
    )
    if not result.success:
        reason = result.reason or f"run {result.run_id} is {run.status.value}"
        kind = _FAILURES.get(result.failure or "", PermanentFailure)
        raise kind("run-failed", "{reason}", reason=reason)
    return result


def cancel(ctx: OperationsContext, log: Log, run_id: str) -> Run:
    """Stop a run. Raises `NotFound`, and `Conflict` when it has ended."""
    before = service.going(ctx, run_id)
    with log.intent(CANCEL, run_id, brief(before)) as intent:
        after = service.cancel(ctx, run_id, by=log.who)
        intent.after = brief(after)
    return after


def retry(ctx: OperationsContext, log: Log, letter_id: str, *, version: int) -> DeadLetter:
    """Run a dead letter again. Raises as `service.retry_dead_letter` does."""
    before = service.open_letter(ctx, letter_id, version=version)
    with log.intent(RETRY, letter_id, brief(before)) as intent:
        after = service.retry_dead_letter(ctx, letter_id, version=version, by=log.who)
        intent.after = brief(after)
    return after


def discard(ctx: OperationsContext, log: Log, letter_id: str, *, version: int, reason: str) -> DeadLetter:
    """Close a dead letter for a reason. Raises as `service.discard_dead_letter` does."""

    def trail(connection: Connection, before: DeadLetter, after: DeadLetter) -> None:
        log.record(connection, DISCARD, letter_id, brief(before), brief(after))

    return service.discard_dead_letter(ctx, letter_id, version=version, reason=reason, by=log.who, trail=trail)


def switch(ctx: OperationsContext, log: Log, name: str, trigger: str, *, on: bool, reason: str) -> None:
    """Switch a job's schedule or sensor on or off in Dagster. Raises as `triggers.switchable` and Dagster do."""
    chosen = triggers.switchable(ctx, name, trigger, on=on, reason=reason)
    what = (STARTS if on else STOPS)[isinstance(chosen, Sensor)]
    with log.intent(what, trigger, {"running": not on}) as intent:
        triggers.switch(ctx, trigger, on=on)
        intent.after = {"running": on, "jobName": name, "reason": reason.strip()}


def wipe(ctx: OperationsContext, log: Log, asset: str, partition: str, *, reason: str) -> Partition:
    """Let Dagster forget that the partition was made; its data stays. Raises as `partitions.wipeable` does."""
    before = partitions.wipeable(ctx, asset, partition, reason=reason)
    with log.intent(WIPE, f"{asset} [{partition}]", _brief_partition(before)) as intent:
        if not ctx.dagster.wipe(asset, partition):
            raise partitions.nothing_to_wipe(before)  # another was faster
        after = partitions.partition(ctx, asset, partition)
        intent.after = _brief_partition(after) | {"reason": reason.strip()}
    return before


def begin_pause(ctx: OperationsContext, log: Log, *, until: datetime, reason: str) -> Pause:
    """Let nothing start by itself until then. Raises as `pauses.begin` does."""

    def trail(connection: Connection, _before: Pause | None, pause: Pause) -> None:
        log.record(connection, BEGIN_PAUSE, str(pause.id), None, _brief_pause(pause))

    return pauses.begin(ctx.pool, until=until, reason=reason, by=log.who, now=ctx.clock(), trail=trail)


def end_pause(ctx: OperationsContext, log: Log, pause_id: int, *, reason: str) -> Pause:
    """End a pause before its time. Raises as `pauses.end` does."""

    def trail(connection: Connection, before: Pause | None, after: Pause) -> None:
        log.record(connection, END_PAUSE, str(after.id), _brief_pause(before or after), _brief_pause(after))

    return pauses.end(ctx.pool, pause_id, reason=reason, by=log.who, now=ctx.clock(), trail=trail)


def _brief_partition(partition: Partition) -> dict[str, Any]:
    return {
        "materializations": [
            {"runId": made.run_id, "at": made.at.isoformat()} for made in partition.materializations[:10]
        ],
        "count": len(partition.materializations),
    }


def _brief_pause(pause: Pause) -> dict[str, Any]:
    return {
        "reason": pause.end_reason or pause.reason,
        "beginsAt": pause.begins_at.isoformat(),
        "endsAt": (pause.ended_at or pause.ends_at).isoformat(),
    }


def brief(what: Run | DeadLetter) -> dict[str, Any]:
    """What the log keeps of a run or dead letter, named as in the API: enough to see what a write changed."""
    if isinstance(what, Run):
        return {
            "runId": what.run_id,
            "jobName": what.job,
            "place": what.place,
            "parameters": dict(what.parameters),
            "dryRun": what.dry_run,
            "status": what.status.value,
        }
    return {
        "jobName": what.job,
        "place": what.place,
        "state": what.state.value,
        "version": what.version,
        "retryRunId": what.retry_run_id,
        "reason": what.reason,
    }
