"""`batch-platform jobs dead-letters …` and `jobs incidents …`: handled one by one, or several at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli import jobs
from batch_platform.cli.jobs import Limit, letters_app
from batch_platform.cli.partitions import jobs_app as jobs_app
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import showing
from batch_platform.kit.options import DryRun, Json, whole

if TYPE_CHECKING:
    from batch_platform.core.audit import Log
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.triage import Handled, Item
    from batch_platform.operations.triage_store import Kind, Selection

incidents_app = typer.Typer(help="What the alert rules found.", invoke_without_command=True)
jobs_app.add_typer(incidents_app, name="incidents")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which; or --all.", show_default=False)]
AllOpen = Annotated[bool, typer.Option("--all", help="All that are open.")]
OfJob = Annotated[str | None, typer.Option("--job", metavar="NAME", help="With --all: only those of this job.")]
To = Annotated[str, typer.Option("--to", metavar="ACCOUNT", help='The name of an account; "" for nobody.')]
Said = Annotated[str, typer.Option("--comment", metavar="TEXT", help="What is said of each of them.")]


@letters_app.command("show")
def show_letter(letter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show a dead letter with what to look at, who takes care of it and what was said."""
    from batch_platform.operations.web.triage_schemas import DeadLetterDetailAnswer
    from batch_platform.web.api.answers import written

    with jobs.operations_opened() as operations:
        answer = DeadLetterDetailAnswer.of_id(operations, letter_id)
    jobs.print_facts(written(answer), as_json=as_json)


@letters_app.command("retry")
@writes("dead-letter.retry")
def retry_letters(
    ids: Ids = None, every: AllOpen = False, job: OfJob = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Run dead letters again, in this process; each is resolved when its run succeeds."""
    from batch_platform.operations import service, triage

    chosen = _selection(ids, every, job)
    with jobs.operations_opened(runs=not dry_run) as operations:
        with showing("running again"):
            log = jobs.log_here(operations)
            handled = triage.retry(operations, log, chosen, dry_run=dry_run, at_once=triage.AT_MOST)
        if not dry_run:
            service.sync(operations)
        letters = [service.dead_letter(operations, item.id) for item in handled.items if item.retry_run_id]
    _print(handled, dry_run=dry_run, as_json=as_json)
    failed = [letter for letter in letters if letter.state != "resolved"]
    if failed:
        cause = failed[0].cause or f"dead letter {failed[0].id} is {failed[0].state}"
        raise PermanentFailure("run-failed", "{reason}", reason=cause)


@letters_app.command("discard")
@writes("dead-letter.discard")
def discard_letters(
    reason: Annotated[str, typer.Option(help="Why they need not be run again.")],
    ids: Ids = None,
    every: AllOpen = False,
    job: OfJob = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Close dead letters without running them again."""
    from batch_platform.operations import triage

    def handle(operations: OperationsContext, log: Log, _kind: Kind, chosen: Selection) -> Handled:
        return triage.discard(operations, log, chosen, reason=reason, dry_run=dry_run)

    _handle("dead-letter", handle, _selection(ids, every, job), dry_run=dry_run, as_json=as_json)


@letters_app.command("acknowledge")
@writes("dead-letter.acknowledge")
def acknowledge_letters(
    ids: Ids = None, every: AllOpen = False, job: OfJob = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Say that somebody has seen dead letters."""
    _acknowledge("dead-letter", _selection(ids, every, job), dry_run=dry_run, as_json=as_json)


@letters_app.command("assign")
@writes("dead-letter.assign")
def assign_letters(
    to: To,
    ids: Ids = None,
    every: AllOpen = False,
    job: OfJob = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say who takes care of dead letters."""
    _assign("dead-letter", _selection(ids, every, job), to, dry_run=dry_run, as_json=as_json)


@letters_app.command("comment")
@writes("dead-letter.comment")
def comment_letters(
    text: Said,
    ids: Ids = None,
    every: AllOpen = False,
    job: OfJob = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a comment to dead letters."""
    _comment("dead-letter", _selection(ids, every, job), text, dry_run=dry_run, as_json=as_json)


@incidents_app.callback()
def incidents(
    context: typer.Context,
    all_states: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what the alert rules found, where nothing else is asked for."""
    if context.invoked_subcommand is None:
        list_incidents(all_states=all_states, limit=limit, as_json=as_json)


@incidents_app.command("list")
def list_incidents(
    all_states: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what the alert rules found, newest first."""
    from batch_platform.operations import service, triage
    from batch_platform.operations.web.triage_schemas import TriagedIncidentAnswer
    from batch_platform.web.api.answers import written

    with jobs.operations_opened() as operations:
        listed, _ = service.incidents(operations, open_only=not all_states, limit=limit)
        known = triage.of_incidents(operations, listed)
    rows = [
        {
            "id": incident.id,
            "since": incident.opened_at,
            "severity": incident.severity.value,
            "job": incident.job or incident.subject,
            "what": incident.summary,
            "resolved": incident.resolved_at,
            "assigned": known[incident.id].assigned_to,
        }
        for incident in listed
    ]
    answers = [written(TriagedIncidentAnswer.of(incident, **vars(known[incident.id]))) for incident in listed]
    jobs.print_answer(rows, answers, as_json=as_json, empty="nothing is wrong")


@incidents_app.command("show")
def show_incident(
    incident_id: Annotated[int, typer.Argument(parser=whole(1), metavar="ID")], as_json: Json = False
) -> None:
    """Show an incident with what to look at, who takes care of it and what was said."""
    from batch_platform.operations.web.triage_schemas import IncidentDetailAnswer
    from batch_platform.web.api.answers import written

    with jobs.operations_opened() as operations:
        answer = IncidentDetailAnswer.of_id(operations, incident_id)
    jobs.print_facts(written(answer), as_json=as_json)


@incidents_app.command("acknowledge")
@writes("incident.acknowledge")
def acknowledge_incidents(
    ids: Ids = None, every: AllOpen = False, job: OfJob = None, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Say that somebody has seen incidents."""
    _acknowledge("incident", _selection(ids, every, job), dry_run=dry_run, as_json=as_json)


@incidents_app.command("assign")
@writes("incident.assign")
def assign_incidents(
    to: To,
    ids: Ids = None,
    every: AllOpen = False,
    job: OfJob = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say who takes care of incidents."""
    _assign("incident", _selection(ids, every, job), to, dry_run=dry_run, as_json=as_json)


@incidents_app.command("comment")
@writes("incident.comment")
def comment_incidents(
    text: Said,
    ids: Ids = None,
    every: AllOpen = False,
    job: OfJob = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Add a comment to incidents."""
    _comment("incident", _selection(ids, every, job), text, dry_run=dry_run, as_json=as_json)


def _acknowledge(kind: Kind, chosen: Selection, *, dry_run: bool, as_json: bool) -> None:
    from batch_platform.operations import triage

    def handle(operations: OperationsContext, log: Log, kind: Kind, chosen: Selection) -> Handled:
        return triage.acknowledge(operations, log, kind, chosen, dry_run=dry_run)

    _handle(kind, handle, chosen, dry_run=dry_run, as_json=as_json)


def _assign(kind: Kind, chosen: Selection, to: str, *, dry_run: bool, as_json: bool) -> None:
    from batch_platform.operations import triage

    def handle(operations: OperationsContext, log: Log, kind: Kind, chosen: Selection) -> Handled:
        assignee = triage.person(operations, to) if to.strip() else None
        return triage.assign(operations, log, kind, chosen, assignee=assignee, dry_run=dry_run)

    _handle(kind, handle, chosen, dry_run=dry_run, as_json=as_json)


def _comment(kind: Kind, chosen: Selection, text: str, *, dry_run: bool, as_json: bool) -> None:
    from batch_platform.operations import triage

    def handle(operations: OperationsContext, log: Log, kind: Kind, chosen: Selection) -> Handled:
        return triage.comment(operations, log, kind, chosen, text=text, dry_run=dry_run)

    _handle(kind, handle, chosen, dry_run=dry_run, as_json=as_json)


def _handle(
    kind: Kind,
    handle: Callable[[OperationsContext, Log, Kind, Selection], Handled],
    chosen: Selection,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    with jobs.operations_opened() as operations:
        handled = handle(operations, jobs.log_here(operations), kind, chosen)
    _print(handled, dry_run=dry_run, as_json=as_json)


def _selection(ids: list[str] | None, every: bool, job: str | None) -> Selection:
    """Raises `InvalidInput` for both, and for neither."""
    from batch_platform.operations.triage_store import Selection

    if every == bool(ids) or (job is not None and not every):
        raise InvalidInput("ids-or-all", "name ids, or --all with or without --job", field="ids")
    return Selection(state="open", job=job) if every else Selection(ids=tuple(ids or ()))


def _print(handled: Handled, *, dry_run: bool, as_json: bool) -> None:
    """What happened to each; the one that was named and cannot be handled so is an error."""
    from batch_platform.operations.web.triage_schemas import HandledAnswer
    from batch_platform.web.api.answers import written

    if len(handled.items) == 1 and handled.items[0].reason is not None:
        raise InvalidInput.of(handled.items[0].reason, field="ids")
    answer = written(HandledAnswer.of(handled, dry_run=dry_run))
    rows = [_row(item, dry_run) for item in handled.items]
    jobs.print_answer(rows, answer, as_json=as_json, empty="nothing is open")


def _row(item: Item, dry_run: bool) -> dict[str, Any]:
    outcome = "skipped" if not item.done else "would be done" if dry_run else "done"
    return {
        "id": item.id,
        "outcome": outcome,
        "reason": item.reason,
        "job": item.job,
        "what": item.subject,
        "run": item.retry_run_id,
    }
