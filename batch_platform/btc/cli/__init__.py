"""`batch-platform btc …`: a file a group of commands."""

from __future__ import annotations

import typer

from batch_platform.btc.cli import batches, reports

app = typer.Typer()
app.add_typer(reports.app)
app.add_typer(batches.app)
