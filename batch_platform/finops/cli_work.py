"""What the commands of `batch-platform cur` share: their arguments, and what they work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.terminal import showing
from batch_platform.settings import Settings

if TYPE_CHECKING:
    from batch_platform.operations.dagster.launch import Launcher

ProjectId = Annotated[str, typer.Argument(metavar="ID", help="The project.")]
AnyProjectId = Annotated[str | None, typer.Argument(metavar="[ID]", help="The project; all when left out.")]
Month = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The billing month.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


@contextmanager
def open_launcher(settings: Settings) -> Iterator[Launcher]:
    """Runs jobs in this process; runs that a killed command left are ended."""
    from batch_platform.operations import platform

    with showing("loading the jobs"):
        launcher = platform.given().launcher(settings)
    launcher.end_dead_runs()
    yield launcher
