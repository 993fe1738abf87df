"""Commands of the local environment: up, demo, provision, doctor, and the group `services`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.kit.options import Json, whole

if TYPE_CHECKING:
    from batch_platform.local.doctor import Report


def up_command(
    port: Annotated[
        int, typer.Option(parser=whole(1, 65535), metavar="N", envvar="BATCH_PLATFORM_PORT", help="Port of the web.")
    ] = 8000,
) -> None:
    """Run the whole platform on this machine until ctrl-C: services, code server, daemon, web."""
    from batch_platform.local import up
    from batch_platform.local.cli.progress import say
    from batch_platform.registry import build_workers
    from batch_platform.settings import load_settings

    up.run(load_settings(), port=port, progress=say, workers=build_workers())


def demo_command(quiet: Annotated[bool, typer.Option("--quiet", help="Only the result.")] = False) -> None:
    """Load the bundled cost reports, fetch and aggregate them as Dagster runs, and print the costs."""
    from rich.console import Console

    from batch_platform.local import demo

    console = Console(stderr=True, quiet=quiet, highlight=False)
    demo.run(lambda text: console.print(f"• {text}", soft_wrap=True))


def provision_command(as_json: Json = False) -> None:
    """Create the local buckets, tables and database schema; run again, it changes nothing."""
    from batch_platform.local import services
    from batch_platform.local.cli.progress import showing_progress
    from batch_platform.local.provision import provision
    from batch_platform.settings import load_settings

    settings = load_settings()
    with showing_progress() as progress:
        variables = services.ensure_running(settings, progress)
        changes = provision(settings, {**os.environ, **variables})
    if as_json:
        typer.echo(json.dumps({"changes": changes}))
    else:
        typer.echo("\n".join(f"created {change}" for change in changes) or "nothing to do")


def doctor_command(as_json: Json = False) -> None:
    """Say what runs where and what is wrong. Exit code 1 when something is."""
    from batch_platform.local.doctor import doctor
    from batch_platform.settings import load_settings

    report = doctor(load_settings())
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _print_report(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "check", "finding", box=None)
    for check in report.checks:
        table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.name, check.detail)
    console = Console()
    console.print(table)
    for check in report.checks:
        if check.hint:
            console.print(f"{check.name}: {check.hint}", markup=False, soft_wrap=True)
