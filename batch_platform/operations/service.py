"""The use cases of operations: what the API, the console and the command line call.

Lists come with the cursor of their next page (`core.cursors`), None on the last one. Writes say who did them (`by`)
and are safe to repeat after a kill: the id of a run that is asked for is derived from what asks for it.
`operations.actions` writes the audit row: people write by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import ValidationError

from batch_platform.core import cursors
from batch_platform.core.failures import (
    Conflict,
    InvalidInput,
)
from batch_platform.core.postgres import Connection
from batch_platform.core.validation import refusal_of
from batch_platform.operations import ledger, retries
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.ledger import sync
from batch_platform.operations.model import (
    HOUR,
    IDEMPOTENCY_TAG,
    DeadLetter,
    DeadLetterState,
    Incident,
    Job,
    JobOverview,
    JobParameters,
    Launch,
    Missing,
    Run,
    RunDetail,
    RunStatus,
)
from batch_platform.operations.runner import Facts
from batch_platform.operations.triage_store import Retries, TriageStore

__all__ = [
    "OperationsContext",
    "Request",
    "cancel",
    "dead_letter",
    "dead_letters",
    "discard_dead_letter",
    "execute",
    "gaps",
    "going",
    "history",
    "incident",
    "incidents",
    "jobs",
    "open_letter",
    "planned",
    "retry_dead_letter",
    "run",
    "status",
    "submit",
    "sync",
]

Trail = Callable[[Connection, DeadLetter, DeadLetter], None]
"""Who is told of a change in its own transaction: of a dead letter before and after."""

GAPS_OF: Final = timedelta(days=35)
"""How far back missing runs are listed."""

_IDS: Final = UUID("6f3c8a52-0f2b-5d0e-9a57-1f6a1b0f7c11")


@dataclass(frozen=True)
class Request:
    """A run that is planned: what to launch, and for whom. With a `run_id` it is asked for once only."""

    job: Job
    launch: Launch
    parameters: Mapping[str, Any]
    by: str
    run_id: str | None
    idempotency_key: str | None


def jobs(ctx: OperationsContext) -> list[JobOverview]:
    """Every registered job and how it stands, in the registry's order."""
    return _overviews(ctx, list(ctx.registry))


def status(ctx: OperationsContext, name: str) -> JobOverview:
    """One job, by name or id. Raises `NotFound`."""
    [overview] = _overviews(ctx, [ctx.registry.get(name)])
    return overview


def gaps(ctx: OperationsContext, name: str) -> list[Missing]:
    """The due moments of the last 35 days that nothing has met, oldest first. Raises `NotFound`."""
    return list(status(ctx, name).missing)


def history(
    ctx: OperationsContext,
    name: str,
    *,
    limit: int = 50,
    offset: int = 0,
    cursor: str | None = None,
    status: RunStatus | None = None,
) -> tuple[list[Run], str | None]:
    """The job's runs, newest first. Raises `NotFound`."""
    job = ctx.registry.get(name)
    after = cursors.decode(cursor, at=datetime, id=str)
    with ctx.store.transaction() as session:
        runs = session.history(job.name, status=status, after=after, limit=limit + 1, offset=offset)
    return cursors.cut(runs, limit, lambda run: {"at": run.created_at, "id": run.run_id})


def execute(
    ctx: OperationsContext,
    name: str,
    parameters: Mapping[str, Any] | JobParameters,
    *,
    by: str,
    idempotency_key: str | None = None,
) -> Run:
    """Ask for a run of a job. With a key, the same caller's second call answers with the first one's run.

    Raises `NotFound`, `InvalidInput` that names the parameter as it is written on the wire, `Conflict` for a key
    that was used with other parameters, and whatever the job's plan and the runner raise.
    """
    return submit(ctx, planned(ctx, name, parameters, by=by, idempotency_key=idempotency_key))


def planned(
    ctx: OperationsContext,
    name: str,
    parameters: Mapping[str, Any] | JobParameters,
    *,
    by: str,
    idempotency_key: str | None = None,
) -> Request:
    """What `execute` would ask Dagster for. Nothing is asked yet. Raises as `execute` does, but for the runner."""
    job = ctx.registry.get(name)
    given = _checked(job, parameters)
    launch = job.launch(ctx.pool, given, ctx.clock())
    run_id = None
    if idempotency_key is not None:
        launch = replace(launch, tags={**launch.tags, IDEMPOTENCY_TAG: idempotency_key})
        run_id = str(uuid5(_IDS, f"execute {job.name} {by} {idempotency_key}"))
    return Request(job, launch, given.written(), by, run_id, idempotency_key)


def submit(ctx: OperationsContext, request: Request) -> Run:
    """Ask Dagster for it. Raises `Conflict` for a key that was used with other parameters, and as the runner does."""
    run_id = ctx.require_runner().submit(request.launch, requested_by=request.by, run_id=request.run_id)
    run = _copied(ctx, run_id)
    if run.parameters != request.parameters:
        raise Conflict(
            "idempotency-key-of-another-run",
            "the key {key} was used for run {run} with other parameters",
            key=str(request.idempotency_key),
            run=run.run_id,
            field="Idempotency-Key",
        )
    return run


def run(ctx: OperationsContext, run_id: str) -> RunDetail:
    """A run with its steps, progress and messages as far as Dagster still has them. Raises `NotFound`."""
    copied = _copied(ctx, run_id)
    facts = ctx.dagster.facts(run_id) or Facts((), 0, (), None, None)
    done = sum(step.status in ("success", "failure", "skipped") for step in facts.steps)
    return RunDetail(
        run=copied,
        steps=facts.steps,
        steps_done=done,
        steps_total=facts.steps_total,
        messages=facts.messages,
        dry_run_rows=facts.dry_run_rows,
        dry_run_summary=facts.dry_run_summary,
    )


def cancel(ctx: OperationsContext, run_id: str, *, by: str) -> Run:
    """Stop a run. Raises `NotFound`, and `Conflict` when it has ended."""
    going(ctx, run_id)
    ctx.require_runner().cancel(run_id, requested_by=by)
    return _copied(ctx, run_id)


def going(ctx: OperationsContext, run_id: str) -> Run:
    """A run that can be stopped. Raises as `cancel` does."""
    run = _copied(ctx, run_id)
    if run.status.ended:
        raise Conflict(
            "run-ended",
            "run {run} has already ended: {status}",
            run=run_id,
            status=run.status.value,
            field="run_id",
        )
    return run


def recent_retries(ctx: OperationsContext) -> Retries:
    """Where the dead letters stand that were run again in the last 24 hours."""
    with TriageStore(ctx.pool).transaction() as session:
        return session.retries_since(ctx.clock() - 24 * HOUR)


def dead_letters(
    ctx: OperationsContext,
    state: DeadLetterState | None = None,
    *,
    job: str | None = None,
    limit: int = 50,
    offset: int = 0,
    cursor: str | None = None,
) -> tuple[list[DeadLetter], str | None]:
    """Dead letters, newest failure first. Raises `NotFound` for an unknown job."""
    name = ctx.registry.get(job).name if job else None
    after = cursors.decode(cursor, at=datetime, id=str)
    with ctx.store.transaction() as session:
        letters = session.dead_letters(state=state, job=name, after=after, limit=limit + 1, offset=offset)
    return cursors.cut(letters, limit, lambda letter: {"at": letter.failed_at, "id": letter.id})


def dead_letter(ctx: OperationsContext, letter_id: str) -> DeadLetter:
    """Raises `NotFound`."""
    with ctx.store.transaction() as session:
        return session.dead_letter(letter_id)


def retry_dead_letter(ctx: OperationsContext, letter_id: str, *, version: int, by: str) -> DeadLetter:
    """open -> retrying, and a run of the same partition and parameters is asked for.

    First the intent is written, with the id that the run will have, then the run is asked for: whoever is killed
    in between, the monitor asks for the same run. Raises `NotFound`, `Conflict` for an older version or another
    state, and what the runner refuses; a runner that only cannot at present is asked again by the monitor.
    """
    ctx.require_runner()
    with ctx.store.transaction() as session:
        letter = replace(session.dead_letter(letter_id), version=version)
        session.begin_retry(letter, retry_run_id=retries.next_run_id(letter), by=by, now=ctx.clock())
        begun = session.dead_letter(letter_id)
    retries.ask(ctx, begun)
    return dead_letter(ctx, letter_id)


def open_letter(ctx: OperationsContext, letter_id: str, *, version: int) -> DeadLetter:
    """A dead letter that can be handled as it was seen. Raises `NotFound`, and `Conflict` for any other."""
    with ctx.store.transaction() as session:
        return session.open_letter(letter_id, version=version)


def discard_dead_letter(
    ctx: OperationsContext, letter_id: str, *, version: int, reason: str, by: str, trail: Trail | None = None
) -> DeadLetter:
    """open -> discarded, told to the `trail` in the same transaction.

    Raises `NotFound`, `Conflict`, and `InvalidInput` for an empty reason.
    """
    if not reason.strip():
        raise InvalidInput("reason-needed", "say why it is discarded", field="reason")
    with ctx.store.transaction() as session:
        before = session.dead_letter(letter_id)
        session.discard(replace(before, version=version), reason=reason.strip(), by=by, now=ctx.clock())
        after = session.dead_letter(letter_id)
        if trail is not None:
            trail(session.connection, before, after)
        return after


def incidents(
    ctx: OperationsContext,
    *,
    open_only: bool = True,
    job: str | None = None,
    limit: int = 50,
    offset: int = 0,
    cursor: str | None = None,
) -> tuple[list[Incident], str | None]:
    """Incidents, newest first. Raises `NotFound` for an unknown job."""
    name = ctx.registry.get(job).name if job else None
    after = cursors.decode(cursor, id=int)
    with ctx.store.transaction() as session:
        rows = session.incidents(open_only=open_only, job=name, after=after, limit=limit + 1, offset=offset)
    return cursors.cut(rows, limit, lambda incident: {"id": incident.id})


def incident(ctx: OperationsContext, incident_id: int) -> Incident:
    """Raises `NotFound`."""
    with ctx.store.transaction() as session:
        return session.incident(incident_id)


def _overviews(ctx: OperationsContext, chosen: list[Job]) -> list[JobOverview]:
    now, names = ctx.clock(), [job.name for job in chosen]
    with ctx.store.transaction() as session:
        rows = session.overviews(names, now=now)
        last = session.runs([row["last_run_id"] for row in rows.values() if row["last_run_id"]])
        missing = session.missing(names, now=now, horizon=now - GAPS_OF)
    # a job that the monitor has not met yet has no row
    moments = ("last_run_id", "last_success_at", "next_due_at", "deadline_at", "sensor_lag")
    unknown = dict.fromkeys(moments)
    counts = dict.fromkeys(("running", "queued", "open_incidents", "open_dead_letters"), 0)
    overviews = []
    for job in chosen:
        row = rows.get(job.name, {**unknown, **counts})
        overviews.append(
            JobOverview(
                job=job,
                last_run=last.get(row["last_run_id"]),
                missing=tuple(gap for gap in missing if gap.job == job.name),
                triggers_running=row.get("triggers_running", {}),
                **{name: row[name] for name in (*unknown, *counts) if name != "last_run_id"},
            )
        )
    return overviews


def _checked(job: Job, parameters: Mapping[str, Any] | JobParameters) -> JobParameters:
    if isinstance(parameters, job.parameters):
        return parameters
    if isinstance(parameters, JobParameters):
        parameters = parameters.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        # as JSON: strict models then take the strings that enums are written as, and still no number for a date
        written = json.dumps(dict(parameters), default=str)
        return job.parameters.model_validate_json(written, by_alias=True, by_name=False)
    except ValidationError as error:
        refused = refusal_of(error)
        refused.field = refused.field or "parameters"
        raise refused from None


def _copied(ctx: OperationsContext, run_id: str) -> Run:
    ledger.copy(ctx, run_id)
    with ctx.store.transaction() as session:
        return session.run(run_id)
