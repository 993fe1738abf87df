"""The bills of what the rules have computed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from batch_platform.staffing.contracts import STANDARD, Contract, PriceType
from batch_platform.staffing.documents.model import Bill, Discount, Issuer, Line, Original, Recipient
from batch_platform.staffing.documents.words import CREDIT, LINE_NAMES, REDUCED, discount_name, payment_terms
from batch_platform.staffing.invoices import Invoice
from batch_platform.staffing.months import last_day
from batch_platform.staffing.tax import RateTotal


def invoice_bill(
    invoice: Invoice,
    contract: Contract,
    *,
    number: str,
    contract_id: str,
    issuer: Issuer,
    recipient: Recipient,
    replaces: str = "",
) -> Bill:
    """The invoice under a number, `DRAFT` or its own; `replaces` is that of the void one it stands in for."""
    return Bill(
        kind="invoice",
        number=number,
        issue_date=invoice.issue_date,
        due_date=invoice.due_date,
        period_start=invoice.month,
        period_end=last_day(invoice.month),
        issuer=issuer,
        recipient=recipient,
        price_type=contract.price_type,
        lines=tuple(
            Line(
                name=LINE_NAMES[line.kind],
                first=line.first,
                last=line.last,
                quantity=line.quantity,
                unit_price=line.unit_price,
                days=line.days,
                of_days=line.of_days,
                amount=line.amount,
                rate=line.rate,
                category=line.category,
            )
            for line in invoice.lines
        ),
        discounts=tuple(
            Discount(name=discount_name(taken.discount), rate=taken.rate, amount=taken.amount)
            for taken in invoice.reductions
        ),
        per_rate=tuple(invoice.per_rate),
        subtotal=invoice.subtotal,
        tax=invoice.tax,
        total=invoice.total,
        contract_id=contract_id,
        payment_terms=payment_terms(contract.payment),
        replaces=replaces,
    )


def credit_note_bill(
    per_rate: Iterable[RateTotal], original: Bill, *, number: str, issue_date: date, remarks: str = ""
) -> Bill:
    """The credit note that takes back the figures, which are negative, from the invoice `original`."""
    totals = tuple(per_rate)
    gross = original.price_type is PriceType.GROSS
    reduced = {line.rate for line in original.lines if line.category == REDUCED}
    subtotal, tax = sum(total.net for total in totals), sum(total.tax for total in totals)
    return Bill(
        kind="credit_note",
        number=number,
        issue_date=issue_date,
        due_date=None,
        period_start=original.period_start,
        period_end=original.period_end,
        issuer=original.issuer,
        recipient=original.recipient,
        price_type=original.price_type,
        lines=tuple(
            Line(
                name=CREDIT,
                first=original.period_start,
                last=original.period_end,
                amount=total.gross if gross else total.net,
                rate=total.rate,
                category=REDUCED if total.rate in reduced else STANDARD,
            )
            for total in totals
        ),
        per_rate=totals,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        contract_id=original.contract_id,
        remarks=remarks,
        original=Original(number=original.number, issue_date=original.issue_date),
    )
