"""`batch-platform jobs triggers …`: schedules and sensors, on or off as Dagster has them, and their switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import DryRun, Json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from batch_platform.core.audit import Log
    from batch_platform.operations.context import OperationsContext

triggers_app = typer.Typer(no_args_is_help=True, help="Schedules and sensors: whether they are on, and their switch.")

TriggerName = Annotated[str, typer.Argument(metavar="NAME", help="The schedule or sensor; see `jobs triggers list`.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]


@triggers_app.command("list")
def list_triggers(as_json: Json = False) -> None:
    """List what starts jobs by itself, and whether it is on in Dagster."""
    from batch_platform.operations import service
    from batch_platform.operations.web.schemas import JobAnswer, written

    with _opened() as operations:
        now = operations.clock()
        answers = [JobAnswer.of_overview(overview, now) for overview in service.jobs(operations)]
    listed = [(answer, trigger) for answer in answers for trigger in answer.triggers]
    if as_json:
        print_json([{"jobName": job.name, **written(trigger)} for job, trigger in listed])
        return
    rows = [
        {
            "name": trigger.name,
            "kind": trigger.kind,
            "job": job.name,
            "starts": trigger.shown(),
            "declared": "on" if trigger.enabled else "off",
            "in Dagster": "on" if (trigger.enabled if trigger.running is None else trigger.running) else "off",
        }
        for job, trigger in listed
    ]
    print_rows(rows, empty="nothing starts a job by itself")


@triggers_app.command("start")
@writes("dagster-schedule.start", "dagster-sensor.start")
def start_trigger(name: TriggerName, reason: Reason, dry_run: DryRun = False) -> None:
    """Switch a schedule or sensor on."""
    _switch(name, on=True, reason=reason, dry_run=dry_run)


@triggers_app.command("stop")
@writes("dagster-schedule.stop", "dagster-sensor.stop")
def stop_trigger(name: TriggerName, reason: Reason, dry_run: DryRun = False) -> None:
    """Switch a schedule or sensor off, until it is switched on again."""
    _switch(name, on=False, reason=reason, dry_run=dry_run)


def _switch(name: str, *, on: bool, reason: str, dry_run: bool) -> None:
    from batch_platform.operations import actions, triggers

    with _opened(switches=not dry_run) as operations:
        job = next((job for job in operations.registry if name in [each.name for each in job.triggers]), None)
        if job is None:
            raise InvalidInput(
                "unknown-trigger-name",
                "no schedule or sensor {trigger}; see `batch-platform jobs triggers list`",
                trigger=name,
                field="name",
            )
        triggers.switchable(operations, job.name, name, on=on, reason=reason)
        if not dry_run:
            actions.switch(operations, _log(operations), job.name, name, on=on, reason=reason)
    typer.echo(f"{name} of {job.name} {'would be' if dry_run else 'is'} {'on' if on else 'off'}")


def _opened(*, switches: bool = False) -> AbstractContextManager[OperationsContext]:
    from batch_platform.operations.opening import open_operations
    from batch_platform.settings import load_settings

    return open_operations(load_settings(), switches=switches)


def _log(operations: OperationsContext) -> Log:
    """The audit log in the hands of this process's user."""
    from batch_platform.core.audit import Log

    return Log(operations.pool, operations.clock, f"cli:{system_user()}")
