"""`batch-platform jobs pauses …`: maintenance windows, in which nothing starts by itself."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.caller import system_user
from batch_platform.core.clock import parse_moment
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows, shown
from batch_platform.kit.options import DryRun, Json, parser

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from batch_platform.core.audit import Log
    from batch_platform.operations.context import OperationsContext

pauses_app = typer.Typer(no_args_is_help=True, help="Maintenance windows: schedules and sensors launch nothing.")

Until = Annotated[
    datetime,
    typer.Option(
        parser=parser(parse_moment, "is not a moment YYYY-MM-DDTHH:MM"),
        metavar="MOMENT",
        help="When it ends: YYYY-MM-DDTHH:MM, in Japan Standard Time unless it names an offset.",
    ),
]


@pauses_app.command("list")
def list_pauses(as_json: Json = False) -> None:
    """List maintenance windows with what schedules left in them, newest first."""
    from batch_platform.operations import pauses
    from batch_platform.operations.web.schemas import PauseAnswer, written

    with _opened() as operations:
        rows, _ = pauses.listed(operations.pool)
        now = operations.clock()
    if as_json:
        print_json([written(PauseAnswer.of_pause(pause, moments, now)) for pause, moments in rows])
        return
    table = [
        {
            "id": pause.id,
            "state": "now" if pause.active(now) else "over",
            "since": pause.begins_at,
            "until": pause.ended_at or pause.ends_at,
            "by": pause.declared_by,
            "reason": pause.reason,
            "moments": len(moments),
            "waiting": sum(moment.settled_at is None for moment in moments),
        }
        for pause, moments in rows
    ]
    print_rows(table, empty="there was no maintenance window")


@pauses_app.command("begin")
@writes("pause.begin")
def begin_pause(
    until: Until,
    reason: Annotated[str, typer.Option(help="Why; everybody reads it.")],
    dry_run: DryRun = False,
) -> None:
    """Pause everything that starts by itself, from now on."""
    from batch_platform.operations import actions, pauses

    with _opened() as operations:
        if dry_run:
            pauses.check(until=until, reason=reason, now=operations.clock())
            typer.echo(f"schedules and sensors would be paused until {shown(until)}")
            return
        pause = actions.begin_pause(operations, _log(operations), until=until, reason=reason)
    typer.echo(f"pause {pause.id}: schedules and sensors are paused until {shown(pause.ends_at)}")


@pauses_app.command("end")
@writes("pause.end")
def end_pause(reason: Annotated[str, typer.Option(help="Why it ends before its time.")]) -> None:
    """End the present pause; what schedules left is caught up within seconds."""
    from batch_platform.core.failures import Conflict
    from batch_platform.operations import actions, pauses

    with _opened() as operations:
        pause = pauses.active(operations.pool, operations.clock())
        if pause is None:
            raise Conflict("not-paused", "nothing is paused")
        actions.end_pause(operations, _log(operations), pause.id, reason=reason)
    typer.echo(f"pause {pause.id} is over")


def _opened() -> AbstractContextManager[OperationsContext]:
    from batch_platform.operations.opening import open_operations
    from batch_platform.settings import load_settings

    return open_operations(load_settings())


def _log(operations: OperationsContext) -> Log:
    """The audit log in the hands of this process's user."""
    from batch_platform.core.audit import Log

    return Log(operations.pool, operations.clock, f"cli:{system_user()}")
