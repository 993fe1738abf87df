"""How commands of the local environment tell what they are at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console


def say(message: str) -> None:
    """Progress goes to standard error, so that output can be piped."""
    typer.echo(message, err=True)


@contextmanager
def showing_progress() -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield say
        return
    with console.status("looking at the services") as status:
        yield status.update
