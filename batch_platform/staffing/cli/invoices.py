"""`staffing invoices …`: what was billed, and what people do with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.terminal import print_fields, print_json, print_rows, say
from batch_platform.kit import actions, lists
from batch_platform.kit.options import Json
from batch_platform.staffing.cli.options import Output, acting, hand_out
from batch_platform.staffing.opening import open_context
from batch_platform.staffing.web.invoice_actions import CREDIT, ISSUE, PERMISSION, VOID
from batch_platform.staffing.web.invoice_lists import INVOICES
from batch_platform.staffing.web.invoice_schemas import (
    CreditAnswer,
    DraftsAnswer,
    InvoiceAnswer,
    InvoiceDecisionAnswer,
)

if TYPE_CHECKING:
    from batch_platform.staffing.service.invoices.crediting import Credit
    from batch_platform.staffing.service.invoices.releasing import Drafts
    from batch_platform.staffing.service.invoices.voiding import Decision

_acting = partial(acting, permission=PERMISSION)

WAITS: Final = "waits for a second person"

app = typer.Typer(no_args_is_help=True, help="Invoices and credit notes: list, print, issue, void, credit.")

Named = Annotated[str, typer.Argument(metavar="INVOICE", help="Its number, or the id of a draft.")]

lists.command(
    app,
    INVOICES,
    "list",
    doc="List or search what was billed: issued invoices and drafts, unless another state is named.",
    opened=open_context,
)


@app.command("show")
def show_command(invoice: Named, as_json: Json = False) -> None:
    """Show an invoice with its history."""
    from batch_platform.staffing.service.invoices import reading
    from batch_platform.staffing.web.invoice_schemas import EventAnswer

    with open_context() as context:
        row = reading.invoice(context, invoice)
        events = reading.history(context, row["id"])
    answer = lists.written(InvoiceAnswer.of(row))
    history = [lists.written(EventAnswer.of(event)) for event in events]
    if as_json:
        print_json({**answer, "history": history})
        return
    shown = {name: value for name, value in answer.items() if value not in (None, [], "") and name != "per_rate"}
    print_fields(shown)
    print_rows([*answer["per_rate"]], empty="no amounts")
    print_rows([{name: event[name] for name in ("at", "state", "by")} for event in history], empty="no history")


@app.command("render")
def render_command(
    invoice: Named,
    output: Output = None,
    original: Annotated[bool, typer.Option("--original", help="The stored original, not a new print.")] = False,
    as_json: Json = False,
) -> None:
    """Print an invoice again as PDF: the same bytes as were issued, of a draft with the number DRAFT."""
    from batch_platform.staffing.service.invoices import reading

    with open_context() as context:
        pdf = reading.original(context, invoice) if original else reading.render(context, invoice).pdf
    hand_out(pdf, output, as_json=as_json)


def _drafts(drafts: Drafts, as_json: bool, issued: int | None = None) -> None:
    if as_json:
        print_json(lists.written(DraftsAnswer.of(drafts, issued=issued)))
    elif issued is None:
        people = ", ".join(drafts.proposed_by) or "nobody"
        say(f"{drafts.month}: {drafts.count} drafts of {drafts.total:,} yen; agreed to by {people}")
    else:
        say(f"{drafts.month}: {issued} invoices issued")


def _voided(done: Decision, as_json: bool) -> None:
    answer = InvoiceDecisionAnswer.of(done)
    if as_json:
        print_json(lists.written(answer))
    else:
        say(f"{done.invoice['number']}: {'void' if done.done else WAITS}")


def _credited(done: Credit, as_json: bool) -> None:
    if as_json:
        print_json(lists.written(CreditAnswer.of(done)))
        return
    note = WAITS if done.credit_note is None else done.credit_note["number"]
    say(f"{done.invoice['number']}: {done.figures.total:,} yen by {note}")


def _voidable(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(lists.written(InvoiceAnswer.of(row)))
    else:
        say(f"{row['number']} of {row['total']:,} yen would be void")


actions.command(
    app,
    ISSUE,
    "issue",
    doc="Agree to the drafts of a month as seen; the second person's word issues them.",
    opened=_acting,
    target=Annotated[str, typer.Argument(metavar="MONTH", help="The billed month, YYYY-MM.")],
    looked=_drafts,
    done=lambda done, as_json: _drafts(done.drafts, as_json, done.issued),
    working="issuing",
)
actions.command(
    app,
    VOID,
    "void",
    doc="Make an issued document void, once a second person says so too.",
    opened=_acting,
    target=Named,
    looked=_voidable,
    done=_voided,
)
actions.command(
    app,
    CREDIT,
    "credit",
    doc="Give back an invoice or parts of it by a credit note, once a second person says the same.",
    opened=_acting,
    target=Named,
    looked=_credited,
    done=_credited,
)
