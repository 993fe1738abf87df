"""What the commands of `batch-platform cur` share: their arguments, and what they work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import showing
from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.finops.service import FinopsContext
    from batch_platform.operations.dagster.launch import Launcher

ProjectId = Annotated[str, typer.Argument(metavar="ID", help="The project.")]
AnyProjectId = Annotated[str | None, typer.Argument(metavar="[ID]", help="The project; all when left out.")]
Month = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The billing month.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


@contextmanager
def open_work(settings: Settings | None = None) -> Iterator[FinopsContext]:
    """The finops context of this process, its connections closed at the end."""
    from batch_platform.core import aws, postgres
    from batch_platform.finops.service.context import build_context

    settings = settings or load_settings()
    if settings.database_url is None:
        raise InvalidInput("DATABASE_URL is not set", field="DATABASE_URL")
    pool = postgres.open_pool(settings.database_url.get_secret_value(), application_name="batch-platform cur")
    try:
        lake = aws.client("s3", settings)
        yield build_context(
            pool=pool,
            lake=lake,
            lake_bucket=settings.lake_bucket,
            settings=settings,
            still_for=timedelta(minutes=settings.cur_still_minutes),
        )
    finally:
        pool.close()


@contextmanager
def open_launcher(settings: Settings) -> Iterator[Launcher]:
    """Runs jobs in this process; runs that a killed command left are ended."""
    from batch_platform.operations.dagster.launch import Launcher

    with showing("loading the jobs"):
        launcher = Launcher(settings)
    launcher.end_dead_runs()
    yield launcher
