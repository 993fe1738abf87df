"""The rules as a calculator: one object of JSON in, one answer out, by the functions that the jobs use.

An object holds exactly the fields of its model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.json_lines import Day, JsonObject, Strict, bad_line, checked
from batch_platform.core.numbers import plain
from batch_platform.staffing import invoices
from batch_platform.staffing.billing import DayUsage, Line
from batch_platform.staffing.contracts import Contract, Discount, Extra
from batch_platform.staffing.due_dates import Payment, due_date
from batch_platform.staffing.fields import Count
from batch_platform.staffing.ids import IdText
from batch_platform.staffing.months import Month
from batch_platform.staffing.tax import Rate, RateTotal, Rounding, TaxRate


class Usage(Strict):
    """As of the end of a day."""

    users: Count
    engineers: Count


class OwnedContract(Contract):
    """A contract, perhaps with whose it is: that changes nothing here."""

    contract_id: IdText | None = None
    company_id: IdText | None = None


class Invoice(Strict):
    """What is billed for a month, and what that depends on."""

    period: Month
    contract: OwnedContract
    usage: dict[Day, Usage]
    discounts: list[Discount] = Field(default_factory=list)
    extras: list[Extra] = Field(default_factory=list)
    rounding: Annotated[Rounding, Field(strict=False)]
    tax_rates: list[TaxRate]


class DueDate(Strict):
    """A billed month, and when it is paid."""

    period: Month
    payment: Payment


def invoice(number: int, value: JsonObject) -> dict[str, Any]:
    """`{document, issue_date, due_date, lines, per_rate, subtotal, tax, total}`, or `{document: null, reason}`."""
    line = checked(Invoice, number, value)
    usage = {day: DayUsage(counts.users, counts.engineers) for day, counts in line.usage.items()}
    try:
        found = invoices.invoice(
            line.contract,
            line.period,
            usage,
            discounts=line.discounts,
            extras=line.extras,
            rounding=line.rounding,
            rates=line.tax_rates,
        )
    except InvalidInput as error:
        raise bad_line(number, error.message, field=error.field) from None
    if isinstance(found, invoices.NoInvoice):
        return {"document": None, "reason": found.reason.value}
    return {
        "document": "invoice",
        "issue_date": found.issue_date.isoformat(),
        "due_date": found.due_date.isoformat(),
        "lines": [_line(each) for each in found.lines],
        "per_rate": [_rate_total(each) for each in found.per_rate],
        "subtotal": found.subtotal,
        "tax": found.tax,
        "total": found.total,
    }


def due(number: int, value: JsonObject) -> dict[str, Any]:
    """`{due_date}`."""
    line = checked(DueDate, number, value)
    return {"due_date": due_date(line.payment, line.period).isoformat()}


CALCULATIONS: Final[Mapping[str, Callable[[int, JsonObject], dict[str, Any]]]] = {
    "invoice": invoice,
    "due-date": due,
}
"""By kind: the number and the object of a line to its answer. Each raises `InvalidInput` naming line and field."""


def _line(line: Line) -> dict[str, Any]:
    return {
        "kind": line.kind.value,
        "from": line.first.isoformat(),
        "to": line.last.isoformat(),
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "days": line.days,
        "of_days": line.of_days,
        "amount": line.amount,
        "rate": _rate(line.rate),
    }


def _rate_total(total: RateTotal) -> dict[str, Any]:
    return {"rate": _rate(total.rate), "net": total.net, "tax": total.tax, "gross": total.gross}


def _rate(rate: Rate) -> str | None:
    return None if rate is None else plain(rate)
