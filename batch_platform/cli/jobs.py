"""`batch-platform jobs …`: run jobs here, see how they stand, handle dead letters, watch deadlines."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.cli.pauses import pauses_app
from batch_platform.cli.triggers import triggers_app
from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import chosen, print_fields, print_json, print_rows, showing, shown
from batch_platform.kit.options import Json, whole
from batch_platform.operations import platform

if TYPE_CHECKING:
    from pydantic import SecretStr

    from batch_platform.core.audit import Log
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.model import DeadLetter, Run
    from batch_platform.operations.web.schemas import TriggerAnswer

jobs_app = typer.Typer()
letters_app = typer.Typer(no_args_is_help=True, help="Runs that failed until their attempts were used.")
jobs_app.add_typer(letters_app, name="dead-letters")
jobs_app.add_typer(triggers_app, name="triggers")
jobs_app.add_typer(pauses_app, name="pauses")

JobName = Annotated[str, typer.Argument(metavar="NAME", help="The job's name or id; see `jobs list`.")]
Limit = Annotated[int, typer.Option(parser=whole(1, 500), metavar="N", help="Rows at most.")]


@jobs_app.command("list")
def list_jobs(as_json: Json = False) -> None:
    """List the jobs with their state, newest success and next due moment."""
    from batch_platform.operations import service
    from batch_platform.operations.web.schemas import JobAnswer, written

    with operations_opened() as operations:
        now = operations.clock()
        answers = [JobAnswer.of_overview(overview, now) for overview in service.jobs(operations)]
    rows = [
        {
            "name": answer.name,
            "id": answer.id,
            "state": answer.state,
            "last_success": answer.last_success_at,
            "next_due": answer.next_due_at,
            "incidents": answer.open_incidents,
            "dead_letters": answer.open_dead_letters,
        }
        for answer in answers
    ]
    print_answer(rows, [written(answer) for answer in answers], as_json=as_json, empty="no job is registered")


@jobs_app.command("status")
def status(name: JobName, as_json: Json = False) -> None:
    """Show how a job stands and what parameters it takes."""
    from batch_platform.operations import service
    from batch_platform.operations.parameters import inputs
    from batch_platform.operations.web.schemas import JobStatusAnswer, written

    with operations_opened() as operations:
        overview = service.status(operations, name)
        answer = JobStatusAnswer.of_overview(overview, operations.clock())
    last = answer.last_run
    facts = {
        "job": f"{answer.name} ({answer.id})",
        "state": answer.state,
        "starts by": "; ".join(map(_trigger, answer.triggers)),
        "newest run": last and f"{last.run_id} {last.status} {shown(last.created_at)}",
        "last success": answer.last_success_at,
        "next due": answer.next_due_at,
        "deadline": answer.deadline_at,
        "running, queued": f"{answer.running}, {answer.queued}",
        "open incidents": answer.open_incidents,
        "dead letters": answer.open_dead_letters,
        "parameters": ", ".join(field.name for field in inputs(overview.job.parameters)),
    }
    if as_json:
        print_json(written(answer))
    else:
        print_fields(facts, label="")


@jobs_app.command("history")
def history(
    name: JobName,
    limit: Limit = 20,
    state: Annotated[str | None, typer.Option("--status", help="Only runs of this state, e.g. failure.")] = None,
    as_json: Json = False,
) -> None:
    """Show a job's runs, newest first."""
    from batch_platform.operations import service
    from batch_platform.operations.model import RunStatus
    from batch_platform.operations.web.schemas import RunAnswer, written

    only = None if state is None else chosen("status", state, RunStatus)
    with operations_opened() as operations:
        runs, _ = service.history(operations, name, limit=limit, status=only)
    print_answer(
        [_run_row(run) for run in runs], [written(RunAnswer.of(run)) for run in runs], as_json=as_json, empty="no run"
    )


@jobs_app.command("run")
@writes("job.execute")
def run_job(
    name: JobName,
    date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The target date: it chooses the partition.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A job's own parameter; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Run a job now, in this process. It stands in the history as any other run."""
    from batch_platform.operations import actions, service
    from batch_platform.operations.parameters import parse
    from batch_platform.operations.remedies import remedies_of
    from batch_platform.operations.web.schemas import RunDetailAnswer, written

    texts = dict(pair(text) for text in param or [])
    if date is not None:
        texts["targetDate"] = date
    with operations_opened(runs=True) as operations:
        job = operations.registry.get(name)
        parameters = parse(job, texts, dry_run=dry_run)
        with showing(f"running {job.name}"):
            run = actions.start(operations, log_here(operations), job.name, parameters)
        service.sync(operations)
        detail = service.run(operations, run.run_id)
        remedies = remedies_of(detail.run.cause, operations.remedies)
    if as_json:
        print_json(written(RunDetailAnswer.of_detail(detail, operations.remedies)))
    else:
        print_rows([_run_row(detail.run)], empty="")
        if detail.dry_run_summary:
            typer.echo(detail.dry_run_summary)
        if detail.dry_run_rows is not None:
            print_rows(detail.dry_run_rows, empty="nothing would be written")
        for remedy in remedies:
            typer.echo(f"to look at: {remedy}", err=True)
    if detail.run.status != "success":
        cause = detail.run.cause or f"run {run.run_id} is {detail.run.status}"
        raise PermanentFailure("run-failed", "{reason}", reason=cause)


@letters_app.command("list")
def list_letters(
    state: Annotated[str, typer.Option(help="open, retrying, resolved, discarded or all.")] = "open",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from batch_platform.operations import service
    from batch_platform.operations.model import DeadLetterState
    from batch_platform.operations.web.schemas import DeadLetterAnswer, written

    if state not in {*DeadLetterState, "all"}:
        raise InvalidInput(
            "unknown-dead-letter-state",
            "--state is {choices} or all, not {state}",
            choices=list(DeadLetterState),
            state=state,
            field="state",
        )
    only = None if state == "all" else DeadLetterState(state)
    with operations_opened() as operations:
        letters, _ = service.dead_letters(operations, only, limit=limit)
    answers = [written(DeadLetterAnswer.of(letter)) for letter in letters]
    print_answer([_letter_row(letter) for letter in letters], answers, as_json=as_json, empty="no dead letter")


@jobs_app.command("health")
def show_health(as_json: Json = False) -> None:
    """Show every part of the platform with its last sign of life."""
    from batch_platform.operations import health
    from batch_platform.operations.web.schemas import ComponentAnswer, written

    with operations_opened() as operations:
        now = operations.clock()
        answers = [ComponentAnswer.of(each, state=each.state(now)) for each in health.components(operations.pool)]
    rows = [
        {"part": answer.name, "state": answer.state, "last sign of life": answer.alive_at, "error": answer.error}
        for answer in answers
    ]
    print_answer(rows, [written(answer) for answer in answers], as_json=as_json, empty="no monitor has looked yet")


@jobs_app.command("monitor")
def monitor(
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False, as_json: Json = False
) -> None:
    """Watch until stopped: copy what ran, judge deadlines and rules, send alerts. The web process does the same."""
    from batch_platform.operations import notify
    from batch_platform.operations.monitor import Monitor, MonitorOptions
    from batch_platform.settings import load_settings

    settings = load_settings()
    destinations = notify.destinations(_plain(settings.alert_urls), _plain(settings.smtp_url))
    with operations_opened() as operations:
        options = MonitorOptions(
            destinations,
            reader=notify.Reader(platform.given().language(settings.notice_language), settings.web_url),
            rules=platform.given().rules(),
            heartbeat_url=_plain(settings.heartbeat_url),
        )
        watchman = Monitor(operations, options)
        if not once:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            watchman.run(stop)
            return
        done = watchman.once()
    if as_json:
        print_json({"led": done.led, "failed": list(done.failed)})
    elif not done.failed:
        typer.echo("all is judged" if done.led else "another monitor is at work")
    if done.failed:
        raise PermanentFailure("monitor-failed", "not done: {failed}; see --verbose", failed=list(done.failed))


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def operations_opened(*, runs: bool = False) -> AbstractContextManager[OperationsContext]:
    from batch_platform.operations.opening import open_operations
    from batch_platform.settings import load_settings

    return open_operations(load_settings(), runs=runs)


def log_here(operations: OperationsContext) -> Log:
    """The audit log in the hands of this process's user."""
    from batch_platform.core.audit import Log

    return Log(operations.pool, operations.clock, f"cli:{system_user()}")


def pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InvalidInput("no-key-value", "--param is KEY=VALUE, not {text}", text=text, field="param")
    return key, value


def _trigger(trigger: TriggerAnswer) -> str:
    return f"{trigger.kind} {trigger.name}, {trigger.shown()}{' (stopped)' if trigger.running is False else ''}"


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "status": run.status.value,
        "dry_run": "yes" if run.dry_run else "",
        "partition": run.place,
        "started": run.started_at or run.created_at,
        "seconds": None if run.duration is None else round(run.duration.total_seconds()),
        "by": run.requested_by or run.trigger.value,
        "cause": run.cause,
    }


def _letter_row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "job": letter.job,
        "state": letter.state.value,
        "partition": letter.place,
        "attempts": letter.attempts,
        "failed_at": letter.failed_at,
        "cause": letter.cause,
    }


def print_answer(rows: Sequence[Mapping[str, Any]], answer: object, *, as_json: bool, empty: str) -> None:
    """Rows for people, the API's answer for programs."""
    if as_json:
        print_json(answer)
    else:
        print_rows(rows, empty=empty)


def print_facts(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing for people, a field a line; the API's answer for programs."""
    if as_json:
        print_json(answer)
    else:
        print_fields(answer)
