"""The rules as a calculator: one object of JSON in, one answer out, by the functions that the jobs use.

An object holds exactly the fields of its model. Moments come in any offset and leave in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field

from batch_platform.core.failures import InvalidInput
from batch_platform.core.json_lines import Day, JsonObject, Strict, Text, bad_line, checked
from batch_platform.core.messages import Message
from batch_platform.core.numbers import plain
from batch_platform.staffing import credit_notes, due_dates, invoices, recurrence
from batch_platform.staffing import usage as usages
from batch_platform.staffing.billing import DayUsage, Line
from batch_platform.staffing.contracts import Contract, Discount, Extra, PriceType
from batch_platform.staffing.credit_notes import Part
from batch_platform.staffing.due_dates import Payment
from batch_platform.staffing.fields import Count, Percent, Yen
from batch_platform.staffing.ids import IdText, decode, order
from batch_platform.staffing.instants import Instant, instant_text
from batch_platform.staffing.months import Month
from batch_platform.staffing.recurrence import DEFAULT_GRACE, Policy, Rule
from batch_platform.staffing.registration_numbers import parse_registration_number
from batch_platform.staffing.tax import Document, Rate, RateTotal, Rounding, TaxRate
from batch_platform.staffing.usage import Facts

MINUTES_OF_A_YEAR: Final = 527_040


def _all_or_parts(value: object) -> object:
    if value == "all":
        return None
    if isinstance(value, list):
        return value
    raise ValueError(Message("all-or-parts", 'must be "all", or a list of parts'))


Parts = Annotated[Annotated[list[Part], Field(min_length=1)] | None, BeforeValidator(_all_or_parts)]
"""None is all."""


class DayCounts(Strict):
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
    usage: dict[Day, DayCounts]
    discounts: list[Discount] = Field(default_factory=list)
    extras: list[Extra] = Field(default_factory=list)
    rounding: Annotated[Rounding, Field(strict=False)]
    tax_rates: list[TaxRate]


class CreditedRate(Strict):
    """What an invoice has of a rate."""

    rate: Percent | None
    net: Yen
    tax: Yen
    gross: Yen


class CreditedInvoice(Strict):
    """An answer of `invoice`, or a row of `invoices list`: only its figures by rate matter."""

    model_config = ConfigDict(extra="ignore")

    per_rate: Annotated[list[CreditedRate], Field(min_length=1)]


class CreditNote(Strict):
    """What is given back of an invoice; the price type and rounding of the contract matter for parts."""

    invoice: CreditedInvoice
    parts: Parts
    price_type: Annotated[PriceType, Field(strict=False)] = PriceType.NET
    rounding: Annotated[Rounding, Field(strict=False)] | None = None


class TaxNumber(Strict):
    """A registration number as somebody has written it."""

    number: Text


class DueDate(Strict):
    """A billed month, and when it is paid."""

    period: Month
    payment: Payment


class Next(Strict):
    """A rule, and the moment that it was last scheduled for; null where it never was."""

    rule: Rule
    after: Instant | None


class CatchUp(Strict):
    """A rule, and which of its occurrences are done."""

    rule: Rule
    done: list[Instant]
    now: Instant
    policy: Annotated[Policy, Field(strict=False)]
    grace_minutes: Annotated[int, Field(ge=0, le=MINUTES_OF_A_YEAR)] | None = None


class Usage(Strict):
    """A day, and what is known of companies."""

    date: Day
    facts: Facts


def invoice(number: int, value: JsonObject) -> dict[str, Any]:
    """`{document, issue_date, due_date, lines, per_rate, subtotal, tax, total}`, or `{document: null, reason}`."""
    line = checked(Invoice, number, value)
    usage = {day: DayUsage(counts.users, counts.engineers) for day, counts in line.usage.items()}
    try:
        outcome = invoices.invoice(
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
    if isinstance(outcome, invoices.NoInvoice):
        return {"document": None, "reason": outcome.reason.value}
    return {
        "document": "invoice",
        "issue_date": outcome.issue_date.isoformat(),
        "due_date": outcome.due_date.isoformat(),
        "lines": [_line(each) for each in outcome.lines],
        **_document(outcome),
    }


def credit_note(number: int, value: JsonObject) -> dict[str, Any]:
    """`{document, per_rate, subtotal, tax, total, issue_required}`, its yen below 0."""
    line = checked(CreditNote, number, value)
    per_rate = [RateTotal(each.rate, each.net, each.tax, each.gross) for each in line.invoice.per_rate]
    if line.parts is None:
        note = credit_notes.of_whole(per_rate)
    elif line.rounding is None:
        raise bad_line(number, Message("missing", "Field required"), field="rounding")
    else:
        try:
            note = credit_notes.of_parts(per_rate, line.parts, line.price_type, line.rounding)
        except InvalidInput as error:
            raise bad_line(number, error.message, field=error.field) from None
    return {"document": "credit_note", **_document(note), "issue_required": note.issue_required}


def tax_number(number: int, value: JsonObject) -> dict[str, Any]:
    """`{valid, normalized, warning}`; the latter two null of what is none."""
    line = checked(TaxNumber, number, value)
    parsed = parse_registration_number(line.number)
    if parsed is None:
        return {"valid": False, "normalized": None, "warning": None}
    return {"valid": True, "normalized": parsed.text, "warning": parsed.warning and parsed.warning.value}


def due_date(number: int, value: JsonObject) -> dict[str, Any]:
    """`{due_date}`."""
    line = checked(DueDate, number, value)
    return {"due_date": due_dates.due_date(line.payment, line.period).isoformat()}


def next_occurrence(number: int, value: JsonObject) -> dict[str, Any]:
    """`{next}` in UTC, null of a rule that has ended."""
    line = checked(Next, number, value)
    instant = recurrence.next_occurrence(line.rule, line.after)
    return {"next": None if instant is None else instant_text(instant)}


def catch_up(number: int, value: JsonObject) -> dict[str, Any]:
    """`{occurrences: [{scheduled_for, action}]}` in order, those not done until now."""
    line = checked(CatchUp, number, value)
    scheduled = recurrence.missed(line.rule, line.now, set(line.done))
    grace = DEFAULT_GRACE if line.grace_minutes is None else timedelta(minutes=line.grace_minutes)
    occurrences = recurrence.catch_up(scheduled, line.now, line.policy, grace)
    return {
        "occurrences": [
            {"scheduled_for": instant_text(each.scheduled_for), "action": each.action.value} for each in occurrences
        ]
    }


def usage(number: int, value: JsonObject) -> dict[str, Any]:
    """`{rows}` by company, numbers before texts."""
    line = checked(Usage, number, value)
    rows = sorted(usages.usage(line.date, line.facts), key=lambda row: order(row.company_id))
    return {
        "rows": [
            {
                **asdict(row),
                "company_id": decode(row.company_id),
                "date": row.date.isoformat(),
                "storage_usage_mb": f"{row.storage_usage_mb:.2f}",
            }
            for row in rows
        ]
    }


CALCULATIONS: Final[Mapping[str, Callable[[int, JsonObject], dict[str, Any]]]] = {
    "invoice": invoice,
    "credit-note": credit_note,
    "tax-number": tax_number,
    "due-date": due_date,
    "next": next_occurrence,
    "catch-up": catch_up,
    "usage": usage,
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


def _document(document: Document) -> dict[str, Any]:
    return {
        "per_rate": [
            {"rate": _rate(each.rate), "net": each.net, "tax": each.tax, "gross": each.gross}
            for each in document.per_rate
        ],
        "subtotal": document.subtotal,
        "tax": document.tax,
        "total": document.total,
    }


def _rate(rate: Rate) -> str | None:
    return None if rate is None else plain(rate)
