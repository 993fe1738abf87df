"""`staffing invoices …`: what was billed, and what people do with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from batch_platform.core.terminal import print_json, print_rows, say
from batch_platform.kit import lists
from batch_platform.staffing.cli.options import Json
from batch_platform.staffing.opening import open_work
from batch_platform.staffing.web.invoice_lists import INVOICES

app = typer.Typer(no_args_is_help=True, help="Invoices and credit notes: list, print, issue, void, credit.")

Named = Annotated[str, typer.Argument(metavar="INVOICE", help="Its number, or the id of a draft.")]

lists.command(
    app,
    INVOICES,
    "list",
    doc="List or search what was billed: issued invoices and drafts, unless another state is named.",
    opened=open_work,
)


@app.command("show")
def show_command(invoice: Named, as_json: Json = False) -> None:
    """Show an invoice with its history."""
    from batch_platform.staffing.service.invoices import reading
    from batch_platform.staffing.web.invoice_schemas import EventAnswer, InvoiceAnswer

    with open_work() as work:
        row = reading.invoice(work, invoice)
        events = reading.history(work, row["id"])
    answer = lists.written(InvoiceAnswer.of(row))
    history = [lists.written(EventAnswer.of(event)) for event in events]
    if as_json:
        print_json({**answer, "history": history})
        return
    shown = {name: value for name, value in answer.items() if value not in (None, [], "") and name != "per_rate"}
    print_rows([{"field": name, "value": value} for name, value in shown.items()], empty="nothing")
    print_rows([*answer["per_rate"]], empty="no amounts")
    print_rows([{name: event[name] for name in ("at", "state", "by")} for event in history], empty="no history")


@app.command("render")
def render_command(
    invoice: Named,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where the PDF goes; default: stdout.")
    ] = None,
    original: Annotated[bool, typer.Option("--original", help="The stored original, not a new print.")] = False,
    as_json: Json = False,
) -> None:
    """Print an invoice again as PDF: the same bytes as were issued, of a draft with the number DRAFT."""
    from hashlib import sha256

    from batch_platform.staffing.service.invoices import reading

    with open_work() as work:
        pdf = reading.original(work, invoice) if original else reading.render(work, invoice).pdf
    digest = sha256(pdf).hexdigest()
    if output is not None:
        output.write_bytes(pdf)
    if as_json:
        print_json({"pdf_sha256": digest, "bytes": len(pdf)})
    elif output is None:
        sys.stdout.buffer.write(pdf)
    else:
        say(f"{output}: {len(pdf)} bytes, SHA-256 {digest}")
