"""`staffing performance …`: what weeks came to, and their reports."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from batch_platform.core.terminal import say
from batch_platform.kit import lists
from batch_platform.staffing.cli.options import day
from batch_platform.staffing.opening import open_work
from batch_platform.staffing.web.performance import FIGURES, WEEKS

app = typer.Typer(no_args_is_help=True, help="Response times, errors and use by week, against the week before.")

lists.command(app, WEEKS, "weeks", doc="List analysed weeks, the newest first.", opened=open_work)
lists.command(app, FIGURES, "figures", doc="List what a week came to, the most used first.", opened=open_work)

Monday = Annotated[date, typer.Option("--week", parser=day, metavar="YYYY-MM-DD", help="The Monday that begins it.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the PDF goes; default: stdout.")
]


@app.command("report")
def report_command(week: Monday, output: Output = None) -> None:
    """Write the report of a week as PDF, as it was stored."""
    from batch_platform.staffing.service import performance

    with open_work() as work:
        content = performance.report(work, week)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    output.write_bytes(content)
    say(f"{output}: {len(content)} bytes")
