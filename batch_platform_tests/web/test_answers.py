"""Answers of values, rows and what is within them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from batch_platform.core.messages import Message
from batch_platform.web.api.answers import Answer, Digits, From, MonthName, Sentence, SnakeAnswer, written


class Kind(StrEnum):
    SHORT = "short"


@dataclass(frozen=True)
class Line:
    text: str
    amount: Decimal


@dataclass(frozen=True)
class Invoice:
    number: int
    month: date
    kind: str
    lines: tuple[Line, ...]
    note: Message | None = None
    secret: str = "not told"


class LineAnswer(Answer):
    text: str
    amount: Digits


class InvoiceAnswer(Answer):
    invoice_number: Annotated[int, From("number")]
    month: MonthName
    kind: Kind
    lines: list[LineAnswer]
    first: Annotated[LineAnswer | None, From(lambda invoice: invoice.lines[0] if invoice.lines else None)]
    years: Annotated[int, From("month.year")]
    note: Sentence | None
    paid: bool = False


class Snake(SnakeAnswer):
    of_month: Annotated[int, From("outer.inner")]


INVOICE = Invoice(
    7, date(2026, 10, 1), "short", (Line("a", Decimal("0.10")),), Message("late", "is {days} late", days=2)
)
LINE = {"text": "a", "amount": "0.10"}


def test_an_answer_is_of_the_attributes_of_a_value_and_of_those_within() -> None:
    assert written(InvoiceAnswer.of(INVOICE)) == {
        "invoiceNumber": 7,
        "month": "2026-10",
        "kind": "short",
        "lines": [LINE],
        "first": LINE,
        "years": 2026,
        "note": "is 2 late",
        "paid": False,
    }


@pytest.mark.parametrize("row", [{"outer": {"inner": 3}}, {"outer": {"inner": 3, "other": 4}, "more": 5}])
def test_an_answer_is_of_the_columns_of_a_row_and_leaves_out_the_others(row: dict[str, Any]) -> None:
    assert written(Snake.of(row)) == {"of_month": 3}


def test_what_is_given_beside_the_source_prevails_and_its_function_is_not_asked() -> None:
    answer = InvoiceAnswer.of(
        {"number": 1, "month": date(2026, 1, 1), "kind": "short"}, lines=(), first=None, note=None
    )
    assert (answer.lines, answer.first, answer.invoice_number) == ([], None, 1)


@pytest.mark.parametrize(
    ("row", "fields"),
    [({"text": "a"}, {("amount",)}), ({"text": 1, "amount": "1"}, {("text",)}), ({}, {("text",), ("amount",)})],
)
def test_what_the_source_lacks_or_has_of_another_kind_is_refused_by_name(
    row: dict[str, Any], fields: set[tuple[str, ...]]
) -> None:
    with pytest.raises(ValidationError) as refused:
        LineAnswer.of(row)
    assert {error["loc"] for error in refused.value.errors()} == fields


def test_an_answer_within_another_stays_the_one_it_is() -> None:
    line = LineAnswer.of(INVOICE.lines[0])
    assert InvoiceAnswer.of(INVOICE, first=line).first is line
