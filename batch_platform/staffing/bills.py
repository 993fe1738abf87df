"""Bills as JSON: all that a document prints but its number, which is `DRAFT` until it is issued; frozen then."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from batch_platform.core.numbers import plain
from batch_platform.staffing.documents.model import DRAFT, Bill


def per_rate(bill: Bill) -> list[dict[str, Any]]:
    """What a bill comes to by rate; the rate is text, None for exempt."""
    return [
        {
            "rate": None if each.rate is None else plain(each.rate),
            "net": each.net,
            "tax": each.tax,
            "gross": each.gross,
        }
        for each in bill.per_rate
    ]


def written(bill: Bill) -> dict[str, Any]:
    """A bill without its number."""
    document: dict[str, Any] = _adapter().dump_python(bill, mode="json", exclude={"number"})
    return document


def read(document: Mapping[str, Any], number: str | None) -> Bill:
    """The bill that was written, under this number; `DRAFT` where it has none yet."""
    return _adapter().validate_python({**document, "number": number or DRAFT})


@cache
def _adapter() -> TypeAdapter[Bill]:
    return TypeAdapter(Bill)
