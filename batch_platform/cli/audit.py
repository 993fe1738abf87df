"""`batch-platform audit`: who changed what, listed and taken out as a file."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Annotated, Any, Literal

import typer

from batch_platform.cli.database import opened_log, opened_pool
from batch_platform.core.audit import EXPORT, AuditStore
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import Json, whole

app = typer.Typer()

Who = Annotated[str | None, typer.Option(help="A subject, or the name of an account or a token.")]
What = Annotated[str | None, typer.Option(help="An action as thing.verb, or a thing.")]
Target = Annotated[str | None, typer.Option(help="What it was done to.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day, of Asia/Tokyo.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day, of Asia/Tokyo.")]
Format = Literal["csv", "json"]
_SHOWN = 50


@app.command("list")
def list_command(
    who: Who = None,
    what: What = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option(parser=whole(1, 10_000), metavar="N", help="Rows at most.")] = None,
    as_json: Json = False,
) -> None:
    """List changes, newest first; --json has all of them unless limited."""
    from itertools import islice

    from batch_platform.web.access.audit_export import record

    sentences = _sentences()
    with opened_pool() as pool:
        rows = AuditStore(pool).every(**_filters(who, what, target, since, until))
        records = [record(row, sentences) for row in islice(rows, limit or (None if as_json else _SHOWN))]
    if as_json:
        print_json(records)
        return
    shown = [{name: row[name] for name in ("at", "sentence", "result")} for row in records]
    print_rows(shown, empty="nothing matches")


@app.command("export")
@writes(EXPORT)
def export_command(
    kind: Annotated[Format, typer.Option("--format", help="csv or json.")] = "csv",
    who: Who = None,
    what: What = None,
    target: Target = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write every change that matches to standard output, as the console does; the log has a row of it."""
    from batch_platform.web.access.audit_export import exported

    with opened_log() as log:
        for part in exported(log, kind, _sentences(), _filters(who, what, target, since, until)):
            sys.stdout.write(part)


def _filters(
    who: str | None, what: str | None, target: str | None, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    from batch_platform.web.access.audit_api import AuditQuery

    return AuditQuery(who, what, target, _day(since), _day(until)).filters()


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _sentences() -> dict[str, str]:
    from batch_platform.operations.web.dagster_sentences import SENTENCES
    from batch_platform.registry import build_actions
    from batch_platform.web.access.service import UNASKED

    return {**SENTENCES, **UNASKED, **build_actions()}
