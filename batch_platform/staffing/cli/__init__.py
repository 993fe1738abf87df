"""`batch-platform staffing …`: a file a group of commands."""

from __future__ import annotations

import typer

from batch_platform.staffing.cli.approaches import app as approaches_app
from batch_platform.staffing.cli.backup import backup_app
from batch_platform.staffing.cli.calc import calc_command
from batch_platform.staffing.cli.facts import load_command
from batch_platform.staffing.cli.invoices import app as invoices_app
from batch_platform.staffing.cli.maintenance import app as maintenance_app
from batch_platform.staffing.cli.performance import app as performance_app
from batch_platform.staffing.cli.reports import app as reports_app
from batch_platform.staffing.cli.run import run_command
from batch_platform.staffing.cli.statuses import status_command
from batch_platform.staffing.cli.usage import usage_command
from batch_platform.staffing.cli.verify import verify_command
from batch_platform.staffing.proving.command import prove

app = typer.Typer()
app.command("load")(load_command)
app.command("calc")(calc_command)
app.command("run")(run_command)
app.command("status")(status_command)
app.command("usage")(usage_command)
app.add_typer(backup_app, name="backup")
app.command("verify")(verify_command)
app.command("prove")(prove)
app.add_typer(invoices_app, name="invoices")
app.add_typer(approaches_app, name="approaches")
app.add_typer(maintenance_app, name="maintenance")
app.add_typer(performance_app, name="performance")
app.add_typer(reports_app, name="reports")
