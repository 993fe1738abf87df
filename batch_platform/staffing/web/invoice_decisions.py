"""Console forms of invoices that decide: the drafts of a month are issued, one is void or given back.

Each takes two people. What would be given back is shown and asked about before it is said.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.kit import actions
from batch_platform.staffing.service.invoices.crediting import Credit
from batch_platform.staffing.service.invoices.releasing import Release
from batch_platform.staffing.service.invoices.voiding import Decision
from batch_platform.staffing.web.context import Acting
from batch_platform.staffing.web.invoice_actions import CREDIT, ISSUE, VOID
from batch_platform.staffing.web.invoice_pages import INVOICE, LIST, MONTH, OfMonth
from batch_platform.staffing.web.rendering import APPROVE, page
from batch_platform.web.console import redirect
from batch_platform.web.forms import Form
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated

_OPTIONAL: Final = frozenset({"reason", "version", "remarks"})

router = APIRouter(include_in_schema=False)


@router.post(f"{MONTH}/issue", dependencies=APPROVE)
@writes(ISSUE.name)
def issue(request: Request, acting: Acting, month: OfMonth, form: Form) -> Response:
    """Agree to the drafts as they were shown."""

    def says(done: Release) -> str:
        if done.issued is None:
            return _another()
        return _("Issued: %(count)s.", count=done.issued)

    return actions.submit(request, ISSUE, acting, month, form, here=f"{LIST}/months/{month}", says=says)


@router.post(f"{INVOICE}/void", dependencies=APPROVE)
@writes(VOID.name)
def void(request: Request, acting: Acting, invoice: str, form: Form) -> Response:
    """Say that it is wrong."""

    def says(done: Decision) -> str:
        return _("It is void.") if done.done else _another()

    return actions.submit(request, VOID, acting, invoice, _given(form), here=f"{LIST}/{invoice}", says=says)


@router.post(f"{INVOICE}/credit", dependencies=APPROVE)
@writes(CREDIT.name)
def credit(request: Request, acting: Acting, invoice: str, form: Form) -> Response:
    """Ask about what would be given back; with the answer, say so."""
    here, texts = f"{LIST}/{invoice}", _given(form)

    def says(done: Credit) -> str:
        return _another() if done.credit_note is None else _("The credit note is issued.")

    def there(done: Credit) -> str:
        return here if done.credit_note is None else f"{LIST}/{done.credit_note['id']}"

    if form["sure"]:
        return actions.submit(request, CREDIT, acting, invoice, texts, here=here, says=says, there=there)
    try:
        given = actions.given_by(CREDIT, texts)
        seen = CREDIT.look(acting, {invoice: actions.seen_version(given, None)}, given)
    except (InvalidInput, Conflict) as error:
        return redirect(request, here, message=translated(error), tone="bad")
    return page(request, "credit", row=seen.invoice, figures=seen.figures, given=texts)


def _given(form: dict[str, str]) -> dict[str, Any]:
    """What was filled in; whoever agrees may leave the reason out."""
    return {name: text for name, text in form.items() if text or name not in _OPTIONAL}


def _another() -> str:
    return _("Proposed: it is done once another person agrees.")
