"""`batch-platform btc …`: a file a group of commands."""

from __future__ import annotations

from contextlib import nullcontext

import typer

from batch_platform.btc.cli.batches import (
    adjust_command,
    approve_command,
    cancel_command,
    resume_command,
    rollback_command,
    seed_command,
)
from batch_platform.btc.cli.reports import (
    balances_command,
    plan_command,
    preview_command,
    proof_command,
    show_command,
    verify_command,
)
from batch_platform.btc.opening import open_work
from batch_platform.btc.proving.command import prove
from batch_platform.btc.web.lists import BATCHES, USER_ROWS
from batch_platform.kit import lists

app = typer.Typer(no_args_is_help=True, help="BTC balances: one rate over all of them, planned, sealed, proved.")
app.command("preview")(preview_command)
app.command("show")(show_command)
app.command("plan")(plan_command)
app.command("balances")(balances_command)
lists.command(
    app,
    USER_ROWS,
    "history",
    doc="List what was booked to a user, newest first: deposits, batches, reversals.",
    opened=lambda: nullcontext(open_work()),
    options={"user_id": typer.Argument(metavar="USER", help="The user.")},
    shown=20,
    resumes=True,
)
lists.command(
    app,
    BATCHES,
    "list",
    doc="List the batches, newest first.",
    opened=lambda: nullcontext(open_work()),
    options={"status": typer.Option(help="Only these: planned, processing, completed …")},
    shown=20,
    resumes=True,
)
app.command("proof")(proof_command)
app.command("verify")(verify_command)
app.command("seed")(seed_command)
app.command("adjust")(adjust_command)
app.command("approve")(approve_command)
app.command("resume")(resume_command)
app.command("cancel")(cancel_command)
app.command("rollback")(rollback_command)
app.command("prove")(prove)
