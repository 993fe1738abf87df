"""`staffing maintenance …`: what the weekly jobs have done and found."""

from __future__ import annotations

import typer

from batch_platform.kit import lists
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.web.maintenance import FINDINGS, RETENTION, RUNS

app = typer.Typer(no_args_is_help=True, help="Weekly jobs: what they have done, and what needs somebody.")

lists.command(
    app, FINDINGS, "findings", doc="List what was found, with what helps; the worst first.", opened=open_context
)
lists.command(app, RUNS, "runs", doc="List what was done, the newest first.", opened=open_context)
lists.command(app, RETENTION, "retention", doc="List how long rows stay, and what is done then.", opened=open_context)
