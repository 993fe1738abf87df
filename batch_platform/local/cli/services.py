"""`batch-platform services …`: the embedded services of this machine."""

from __future__ import annotations

import json
import shlex

import typer
from rich.console import Console
from rich.table import Table

from batch_platform.kit.options import Json
from batch_platform.local import services, up
from batch_platform.local.cli.progress import showing_progress
from batch_platform.local.environment import SECRET
from batch_platform.local.home import Home
from batch_platform.local.price_server.cli import prices_command
from batch_platform.local.state import State, supervisor_runs
from batch_platform.settings import load_settings

app = typer.Typer()
app.command("prices")(prices_command)


@app.command("start")
def services_start(as_json: Json = False) -> None:
    """Start the services that the environment does not point at; does nothing when they run."""
    settings = load_settings()
    with showing_progress() as progress:
        services.ensure_running(settings, progress)
    _print_status(Home(settings.home), as_json=as_json)


@app.command("stop")
def services_stop(as_json: Json = False) -> None:
    """Stop the services, and what a killed `up` left behind. Data stays."""
    home = Home(load_settings().home)
    stopped = ([] if up.up_runs(home) else up.stop_orphans(home)) + services.stop(home)
    if as_json:
        typer.echo(json.dumps({"stopped": stopped}))
    else:
        typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@app.command("status")
def services_status(as_json: Json = False) -> None:
    """Show each service with its address and process."""
    _print_status(Home(load_settings().home), as_json=as_json)


@app.command("env")
def services_env(as_json: Json = False) -> None:
    """Print the variables for a shell: eval "$(batch-platform services env)". Starts the services if needed.

    The web's secret is not among them: who has it signs in as anybody, and our own commands find it by themselves.
    """
    with showing_progress() as progress:
        variables = services.ensure_running(load_settings(), progress)
    variables.pop(SECRET, None)
    if as_json:
        typer.echo(json.dumps(variables, indent=2))
        return
    for name, value in sorted(variables.items()):
        typer.echo(f"export {name}={shlex.quote(value)}")


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
