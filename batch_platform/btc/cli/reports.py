"""What is looked at: a preview, batches with their plans and proofs, balances."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.btc import printing, row_texts, service
from batch_platform.btc.cli.options import (
    BatchId,
    Confirm,
    Output,
    Rate,
    RoundingName,
    TargetTotal,
    overrides_of,
    say,
)
from batch_platform.btc.opening import open_context
from batch_platform.btc.web.lists import BATCHES, USER_ROWS
from batch_platform.btc.web.schemas import (
    PLAN_COLUMNS,
    BatchPreviewAnswer,
    DetailAnswer,
    ProofAnswer,
    VerificationAnswer,
)
from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import chosen, print_rows, showing
from batch_platform.kit import lists
from batch_platform.kit.options import Json, whole

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer()

SHOWN = 200
"""Rows of a plan that people are shown; files have them all."""
PREVIEWED = 20


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@app.command("preview")
def preview_command(
    rate: Rate,
    rounding: RoundingName = None,
    target_total: TargetTotal = None,
    confirm: Confirm = None,
    rows: Annotated[
        int | None, typer.Option(parser=whole(), metavar="N", help="Rows to print; default: 20, in CSV all.")
    ] = None,
    output: Output = "table",
    as_json: Json = False,
) -> None:
    """Show what a rate would do to every balance now. Nothing is written."""
    kind = _format(output, as_json=as_json)
    if rows is not None and rows < 0:
        raise InvalidInput("rows-negative", "--rows must not be negative", field="rows")
    overrides = overrides_of(rounding, target_total)
    with showing("reading balances"):
        draft = service.preview(open_context(), rate, overrides=overrides, confirm=confirm)
    first = PREVIEWED if rows is None else rows
    if kind is Format.CSV:
        _write(row_texts.csv(draft.plan if rows is None else draft.plan.head(rows), PLAN_COLUMNS))
    elif kind is Format.JSON:
        # however many rows: they are written by polars
        say(printing.as_json(BatchPreviewAnswer.of_draft(draft, rows=0)).replace('"rows": []\n}', '"rows": '), end="")
        _write(row_texts.json(draft.plan.head(first), draft.plan.columns))
        say("}")
    else:
        say(printing.outline(draft))
        _show(draft.plan, (*PLAN_COLUMNS, "reason"), first, "… and {more:,} more rows")


@app.command("show")
def show_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Show a batch: counters, sum, hash, who approved it, whose row failed, and its first rows."""
    context = open_context()
    detail = service.detail(context, batch_id)
    if as_json:
        say(printing.as_json(DetailAnswer.of_detail(detail, context.options)))
        return
    say(printing.detail(detail, context.options))
    if detail.transactions.rows:
        print_rows(printing.booked(detail.transactions.rows), empty="nothing is booked")
    if detail.transactions.cursor is not None:
        typer.echo(f"… all of them: batch-platform btc plan {batch_id} --format csv")


@app.command("plan")
def plan_command(batch_id: BatchId, output: Output = "table", as_json: Json = False) -> None:
    """List the sealed rows with what became of each by now."""
    kind = _format(output, as_json=as_json)
    with showing("reading rows"):
        rows = service.sealed_rows(open_context(), batch_id)
    _print_rows(rows, (*PLAN_COLUMNS, "reason") if kind is Format.TABLE else PLAN_COLUMNS, kind)


@app.command("balances")
def balances_command(output: Output = "table", as_json: Json = False) -> None:
    """List everybody's balance as it is now, that of the house among them."""
    kind = _format(output, as_json=as_json)
    with showing("reading balances"):
        rows = service.balances(open_context())
    _print_rows(rows, ("user_id", "balance", "status"), kind)


_list = partial(lists.command, app, opened=lambda: nullcontext(open_context()), shown=20, resumes=True)
_list(
    USER_ROWS,
    "history",
    doc="List what was booked to a user, newest first: deposits, batches, reversals.",
    options={"user_id": typer.Argument(metavar="USER", help="The user.")},
)
_list(
    BATCHES,
    "list",
    doc="List the batches, newest first.",
    options={"status": typer.Option(help="Only these: planned, processing, completed …")},
)


@app.command("proof")
def proof_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Prove one batch from its own rows: sealed against booked. Exits 1 when they differ."""
    with showing("reading rows"):
        proof = service.proof(open_context(), batch_id)
    say(printing.as_json(ProofAnswer.of(proof)) if as_json else printing.proven(proof))
    if not proof.ok:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(
    batch_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The batch; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute batches and every balance from the ledger. Prints equal, or the differences and exits 1."""
    with showing("reading the ledger"):
        verification = service.verify(open_context(), batch_id)
    say(printing.as_json(VerificationAnswer.of(verification)) if as_json else printing.verified(verification))
    if not verification.ok:
        raise typer.Exit(1)


def _format(name: str, *, as_json: bool) -> Format:
    return Format.JSON if as_json else chosen("format", name, Format)


def _print_rows(rows: pl.DataFrame, columns: tuple[str, ...], kind: Format) -> None:
    """Every row, as a file of CSV or JSON; people see the first ones."""
    if kind is Format.TABLE:
        _show(rows, columns, SHOWN, "… and {more:,} more; --format csv has them all")
    else:
        _write(row_texts.csv(rows, columns) if kind is Format.CSV else row_texts.json(rows, columns))


def _show(rows: pl.DataFrame, columns: tuple[str, ...], first: int, more: str) -> None:
    if first:
        print_rows(printing.table(rows.head(first), columns), empty="no rows")
    if rows.height > first:
        typer.echo(more.format(more=rows.height - first))


def _write(parts: Iterable[str]) -> None:
    for part in parts:
        typer.echo(part, nl=False)
