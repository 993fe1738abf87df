"""Invoices and credit notes as API and command line write them. Ids are as they were given, amounts yen."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator

from batch_platform.core.messages import from_json
from batch_platform.core.numbers import plain
from batch_platform.staffing.web.wire import DecodedId, InstantText
from batch_platform.web.api.answers import From, MonthName, Sentence, SnakeAnswer
from batch_platform.web.api.strict import IsoDate

Row = dict[str, Any]


class RateTotalAnswer(SnakeAnswer):
    """What a document comes to at one rate; `rate` is percent as text, null for exempt."""

    rate: Annotated[str | None, BeforeValidator(lambda rate: plain(rate) if isinstance(rate, Decimal) else rate)]
    net: int
    tax: int
    gross: int


class InvoiceAnswer(SnakeAnswer):
    """An invoice or a credit note. A draft has no number and no hash yet."""

    id: Sentence
    document: Annotated[str, From("kind")]
    contract_id: DecodedId
    company_id: DecodedId
    company_name: str | None
    month: MonthName
    state: str
    revision: int
    invoice_number: Annotated[str | None, From("number")]
    issue_date: IsoDate | None
    due_date: IsoDate | None
    price_type: str | None
    subtotal: int | None
    tax: int | None
    total: int | None
    per_rate: Annotated[list[RateTotalAnswer], From(lambda row: row["per_rate"] or ())]
    pdf_sha256: str | None
    mailed_to: str | None
    missing_days: list[IsoDate]
    failure: Annotated[Sentence | None, From(lambda row: row["failure"] and from_json(row["failure"]))]
    of_invoice: str | None
    replaces: str | None
    issue_required: bool | None
    issued_at: InstantText | None
    voided_at: InstantText | None
    void_reason: str | None


class EventAnswer(SnakeAnswer):
    """What became of an invoice."""

    at: InstantText
    by: str
    state: str
    detail: dict[str, Any]


class ProposalAnswer(SnakeAnswer):
    """What somebody has proposed to do, which another person carries out by proposing the same."""

    deed: str
    by: str
    at: InstantText
    seen: dict[str, Any]
    reason: str | None


class InvoiceDetailAnswer(InvoiceAnswer):
    """With its history, and what people have proposed to do with it."""

    history: list[EventAnswer]
    proposals: list[ProposalAnswer]


class DraftsAnswer(SnakeAnswer):
    """Drafts of a month that wait for people. `issued`: how many were issued, null while a person has to agree."""

    month: str
    count: int
    total: int
    proposed_by: list[str]
    issued: int | None = None


class InvoiceDecisionAnswer(SnakeAnswer):
    """The document as it stands; `done` is false while another person has to agree."""

    done: bool
    invoice: InvoiceAnswer


class CreditAnswer(SnakeAnswer):
    """The figures that are given back, below 0, and the credit note; null while another person has to agree."""

    per_rate: Annotated[list[RateTotalAnswer], From("figures.per_rate")]
    subtotal: Annotated[int, From("figures.subtotal")]
    tax: Annotated[int, From("figures.tax")]
    total: Annotated[int, From("figures.total")]
    issue_required: Annotated[bool, From("figures.issue_required")]
    credit_note: InvoiceAnswer | None
    invoice: InvoiceAnswer


class InvoiceDifferenceAnswer(SnakeAnswer):
    """What is stored otherwise than the facts say."""

    check: str
    what: str
    expected: Any
    found: Any


class VerificationAnswer(SnakeAnswer):
    """A month worked out again."""

    equal: bool
    differences: list[InvoiceDifferenceAnswer]
