"""`batch-platform trading …`: the competition, and its rules as a calculator."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def trading() -> None:
    """The paper-trading competition: exact, replayable."""
