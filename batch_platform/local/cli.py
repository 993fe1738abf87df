"""Commands of the local environment: services, up, demo, provision, doctor."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from batch_platform.kit.options import Json, whole
from batch_platform.local import demo, services, up
from batch_platform.local import doctor as doctor_checks
from batch_platform.local import provision as provisioning
from batch_platform.local.environment import SECRET
from batch_platform.local.home import Home
from batch_platform.local.price_server.cli import prices_command
from batch_platform.local.state import State, supervisor_runs
from batch_platform.registry import build_workers
from batch_platform.settings import load_settings

services_app = typer.Typer(no_args_is_help=True, help="Embedded PostgreSQL, AWS and prices of this machine.")
services_app.command("prices")(prices_command)


@services_app.command("start")
def services_start(as_json: Json = False) -> None:
    """Start the services that the environment does not point at; does nothing when they run."""
    settings = load_settings()
    with _progress() as progress:
        services.ensure_running(settings, progress)
    _print_status(Home(settings.home), as_json=as_json)


@services_app.command("stop")
def services_stop(as_json: Json = False) -> None:
    """Stop the services, and what a killed `up` left behind. Data stays."""
    home = Home(load_settings().home)
    stopped = ([] if up.up_runs(home) else up.stop_orphans(home)) + services.stop(home)
    if as_json:
        typer.echo(json.dumps({"stopped": stopped}))
    else:
        typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@services_app.command("status")
def services_status(as_json: Json = False) -> None:
    """Show each service with its address and process."""
    _print_status(Home(load_settings().home), as_json=as_json)


@services_app.command("env")
def services_env(as_json: Json = False) -> None:
    """Print the variables for a shell: eval "$(batch-platform services env)". Starts the services if needed.

    The web's secret is not among them: who has it signs in as anybody, and our own commands find it by themselves.
    """
    with _progress() as progress:
        variables = services.ensure_running(load_settings(), progress)
    variables.pop(SECRET, None)
    if as_json:
        typer.echo(json.dumps(variables, indent=2))
        return
    for name, value in sorted(variables.items()):
        typer.echo(f"export {name}={shlex.quote(value)}")


def up_command(
    port: Annotated[
        int, typer.Option(parser=whole(1, 65535), metavar="N", envvar="BATCH_PLATFORM_PORT", help="Port of the web.")
    ] = 8000,
) -> None:
    """Run the whole platform on this machine until ctrl-C: services, code server, daemon, web."""
    settings = load_settings()
    up.run(settings, port=port, progress=_say, workers=build_workers())


def demo_command(quiet: Annotated[bool, typer.Option("--quiet", help="Only the result.")] = False) -> None:
    """Load the bundled cost reports, fetch and aggregate them as Dagster runs, and print the costs."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    demo.run(lambda text: console.print(f"• {text}", soft_wrap=True))


def provision_command(as_json: Json = False) -> None:
    """Create the local buckets, tables and database schema; run again, it changes nothing."""
    settings = load_settings()
    with _progress() as progress:
        variables = services.ensure_running(settings, progress)
        changes = provisioning.provision(settings, {**os.environ, **variables})
    if as_json:
        typer.echo(json.dumps({"changes": changes}))
    else:
        typer.echo("\n".join(f"created {change}" for change in changes) or "nothing to do")


def doctor_command(as_json: Json = False) -> None:
    """Say what runs where and what is wrong. Exit code 1 when something is."""
    report = doctor_checks.doctor(load_settings())
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _print_status(home: Home, *, as_json: bool) -> None:
    state = State.load(home)
    running = supervisor_runs(home)
    if as_json:
        workers = {name: process.model_dump() for name, process in up.workers_of(home).items()}
        answer = {"running": running, **state.model_dump(mode="json"), "workers": workers}
        typer.echo(json.dumps(answer, indent=2))
        return
    if not running:
        typer.echo(f"no services run in {home.root}; start them with: batch-platform services start")
        return
    table = Table("service", "state", "address", "process", "log", box=None)
    for name, service in state.services.items():
        pid = str(service.process.pid) if service.process else "–"
        table.add_row(name, service.error or service.phase, service.url, pid, service.log)
    for name, process in up.workers_of(home).items():
        alive = "running" if process.alive() else "gone"
        table.add_row(name, alive, "–", str(process.pid), str(home.logs / f"{name}.log"))
    Console().print(table)
    for notice in state.notices:
        typer.echo(f"notice: {notice}")


def _print_report(report: doctor_checks.Report) -> None:
    table = Table("", "check", "finding", box=None)
    for check in report.checks:
        table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.name, check.detail)
    console = Console()
    console.print(table)
    for check in report.checks:
        if check.hint:
            console.print(f"{check.name}: {check.hint}", markup=False, soft_wrap=True)


def _say(message: str) -> None:
    """Progress goes to standard error, so that output can be piped."""
    typer.echo(message, err=True)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _say
        return
    with console.status("looking at the services") as status:
        yield status.update
