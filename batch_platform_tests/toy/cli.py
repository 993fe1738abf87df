"""`batch-platform toys …`."""

from __future__ import annotations

import json

import typer
from toy import service
from toy.settings import ToySettings

from batch_platform.core import postgres
from batch_platform.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Toys: see and wind them.")


@app.command("list")
def list_toys() -> None:
    """Every toy as JSON."""
    with postgres.open_pool(load_settings().database(), application_name="toys") as pool:
        typer.echo(json.dumps(service.toys(pool)))


@app.command("wind")
def wind(name: str) -> None:
    """Give a toy its turns."""
    settings = load_settings()
    with postgres.open_pool(settings.database(), application_name="toys") as pool:
        service.wind(pool, name, settings.of(ToySettings).turns)
