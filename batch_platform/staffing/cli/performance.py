"""`staffing performance …`: what weeks came to, and their reports."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from batch_platform.kit import lists
from batch_platform.kit.options import day
from batch_platform.staffing.cli.options import Output, hand_out
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.web.performance import FIGURES, WEEKS

app = typer.Typer(no_args_is_help=True, help="Response times, errors and use by week, against the week before.")

lists.command(app, WEEKS, "weeks", doc="List analysed weeks, the newest first.", opened=open_context)
lists.command(app, FIGURES, "figures", doc="List what a week came to, the most used first.", opened=open_context)

Monday = Annotated[date, typer.Option("--week", parser=day, metavar="YYYY-MM-DD", help="The Monday that begins it.")]


@app.command("report")
def report_command(week: Monday, output: Output = None) -> None:
    """Write the report of a week as PDF, as it was stored."""
    from batch_platform.staffing.service import performance

    with open_context() as context:
        content = performance.report(context, week)
    hand_out(content, output)
