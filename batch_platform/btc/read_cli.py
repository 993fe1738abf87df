"""`batch-platform btc …`: what is looked at: a preview, batches with their plans and proofs, balances, histories."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.btc import printing, row_texts
from batch_platform.btc.model import Rounding
from batch_platform.btc.money import parse_btc
from batch_platform.btc.opening import open_work
from batch_platform.btc.web.lists import BATCHES, TRANSACTIONS, USER_ROWS
from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import chosen, print_rows, showing, whole
from batch_platform.kit import lists

if TYPE_CHECKING:
    import polars as pl

    from batch_platform.btc.service import Overrides

app = typer.Typer(no_args_is_help=True, help="BTC balances: one rate over all of them, planned, sealed, proved.")

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch; see `btc list`.")]
Rate = Annotated[str, typer.Option(help="Percent of each balance: 5, -3, 0.125; at most 8 decimals.")]
RoundingName = Annotated[
    str | None, typer.Option("--rounding", help="half_even, half_up or toward_zero; default: the setting.")
]
TargetTotal = Annotated[
    str | None, typer.Option(metavar="BTC", help="What all amounts shall add up to, to the satoshi.")
]
Confirm = Annotated[str | None, typer.Option(metavar="RATE", help="The rate again, where it is beyond the setting.")]
Output = Annotated[str, typer.Option("--format", help="table, json or csv.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

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
    from batch_platform.btc import service
    from batch_platform.btc.web.schemas import PLAN_COLUMNS, PreviewAnswer

    kind = _format(output, as_json=as_json)
    if rows is not None and rows < 0:
        raise InvalidInput("rows-negative", "--rows must not be negative", field="rows")
    overrides = overrides_of(rounding, target_total)
    with showing("reading balances"):
        draft = service.preview(open_work(), rate, overrides=overrides, confirm=confirm)
    first = PREVIEWED if rows is None else rows
    if kind is Format.CSV:
        _write(row_texts.csv(draft.plan if rows is None else draft.plan.head(rows), PLAN_COLUMNS))
    elif kind is Format.JSON:
        # however many rows: they are written by polars
        say(printing.as_json(PreviewAnswer.of(draft, rows=0)).replace('"rows": []\n}', '"rows": '), end="")
        _write(row_texts.json(draft.plan.head(first), draft.plan.columns))
        say("}")
    else:
        say(printing.outline(draft))
        _show(draft.plan, (*PLAN_COLUMNS, "reason"), first, "… and {more:,} more rows")


@app.command("show")
def show_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Show a batch: counters, sum, hash, who approved it, whose row failed, and its first rows."""
    from batch_platform.btc import service
    from batch_platform.btc.web.schemas import DetailAnswer

    context = open_work()
    detail = service.detail(context, batch_id)
    if as_json:
        say(printing.as_json(DetailAnswer.of(detail, context.options)))
        return
    say(printing.detail(detail, context.options))
    if detail.transactions.rows:
        lists.show(TRANSACTIONS, detail.transactions.rows, as_json=False)
    if detail.transactions.cursor is not None:
        typer.echo(f"… all of them: batch-platform btc plan {batch_id} --format csv")


@app.command("plan")
def plan_command(batch_id: BatchId, output: Output = "table", as_json: Json = False) -> None:
    """List the sealed rows with what became of each by now."""
    from batch_platform.btc import service
    from batch_platform.btc.web.schemas import PLAN_COLUMNS

    kind = _format(output, as_json=as_json)
    with showing("reading rows"):
        rows = service.sealed_rows(open_work(), batch_id)
    _print_rows(rows, (*PLAN_COLUMNS, "reason") if kind is Format.TABLE else PLAN_COLUMNS, kind)


@app.command("balances")
def balances_command(output: Output = "table", as_json: Json = False) -> None:
    """List everybody's balance as it is now, that of the house among them."""
    from batch_platform.btc import service

    kind = _format(output, as_json=as_json)
    with showing("reading balances"):
        rows = service.balances(open_work())
    _print_rows(rows, ("user_id", "balance", "status"), kind)


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


@app.command("proof")
def proof_command(batch_id: BatchId, as_json: Json = False) -> None:
    """Prove one batch from its own rows: sealed against booked. Exits 1 when they differ."""
    from batch_platform.btc import service
    from batch_platform.btc.web.schemas import ProofAnswer

    with showing("reading rows"):
        proof = service.proof(open_work(), batch_id)
    say(printing.as_json(ProofAnswer.from_model(proof)) if as_json else printing.proven(proof))
    if not proof.ok:
        raise typer.Exit(1)


@app.command("verify")
def verify_command(
    batch_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="The batch; all when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute batches and every balance from the ledger. Prints equal, or the differences and exits 1."""
    from batch_platform.btc import service
    from batch_platform.btc.web.schemas import VerificationAnswer

    with showing("reading the ledger"):
        verification = service.verify(open_work(), batch_id)
    say(printing.as_json(VerificationAnswer.from_model(verification)) if as_json else printing.verified(verification))
    if not verification.ok:
        raise typer.Exit(1)


def overrides_of(rounding: str | None, target_total: str | None, shards: int | None = None) -> Overrides:
    from batch_platform.btc import service

    rule = None if rounding is None else chosen("rounding", rounding, Rounding)
    total = None if target_total is None else parse_btc(target_total, field="target_total")
    return service.Overrides(rule, total, shards)


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


def say(lines: str | Iterable[str], *, end: str = "\n") -> None:
    for line in [lines] if isinstance(lines, str) else lines:
        typer.echo(line, nl=end == "\n")


def _write(parts: Iterable[str]) -> None:
    for part in parts:
        typer.echo(part, nl=False)
