"""The answers of `staffing calc KIND FILE`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from batch_platform.staffing.proving.oracle.dates import answer_catch_up, answer_due_date, answer_next
from batch_platform.staffing.proving.oracle.invoice import credit_note, invoice
from batch_platform.staffing.proving.oracle.registration import tax_number
from batch_platform.staffing.proving.oracle.usage import answer_usage

KINDS = ("invoice", "credit-note", "tax-number", "due-date", "next", "catch-up", "usage")


def calc(kind: str, line: Mapping[str, Any], holidays: Collection[date]) -> dict[str, Any]:
    """One answer to one line; `holidays` are the national ones, of every year that the line comes near."""
    match kind:
        case "invoice":
            return invoice(line, holidays)
        case "credit-note":
            return credit_note(line)
        case "tax-number":
            return tax_number(line["number"])
        case "due-date":
            return answer_due_date(line, holidays)
        case "next":
            return answer_next(line)
        case "catch-up":
            return answer_catch_up(line)
        case "usage":
            return answer_usage(line)
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
