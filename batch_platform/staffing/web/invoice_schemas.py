"""Invoices and credit notes as API and command line write them. Ids are as they were given, amounts yen."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict

from batch_platform.core.messages import from_json
from batch_platform.core.numbers import plain
from batch_platform.staffing import ids
from batch_platform.staffing.instants import instant_text
from batch_platform.staffing.service.invoices.crediting import Credit
from batch_platform.staffing.service.invoices.reading import Event
from batch_platform.staffing.service.invoices.releasing import Drafts
from batch_platform.web.api.strict import IsoDate, StrictModel

Row = dict[str, Any]


class Snake(StrictModel):
    """As the specification of staffing names fields: with underscores."""

    model_config: ClassVar[ConfigDict] = ConfigDict(alias_generator=None)


class RateTotalAnswer(Snake):
    """What a document comes to at one rate; `rate` is percent as text, null for exempt."""

    rate: str | None
    net: int
    tax: int
    gross: int


class InvoiceAnswer(Snake):
    """An invoice or a credit note. A draft has no number and no hash yet."""

    id: str
    document: str
    contract_id: int | str
    company_id: int | str
    company_name: str | None
    month: str
    state: str
    revision: int
    invoice_number: str | None
    issue_date: IsoDate | None
    due_date: IsoDate | None
    price_type: str | None
    subtotal: int | None
    tax: int | None
    total: int | None
    per_rate: list[RateTotalAnswer]
    pdf_sha256: str | None
    mailed_to: str | None
    missing_days: list[IsoDate]
    failure: str | None
    of_invoice: str | None
    replaces: str | None
    issue_required: bool | None
    issued_at: str | None
    voided_at: str | None
    void_reason: str | None

    @classmethod
    def of(cls, row: Row) -> InvoiceAnswer:
        """Of a row as `reading` gives it."""
        return cls(
            id=str(row["id"]),
            document=row["kind"],
            contract_id=ids.decode(row["contract_id"]),
            company_id=ids.decode(row["company_id"]),
            month=f"{row['month']:%Y-%m}",
            invoice_number=row["number"],
            per_rate=[RateTotalAnswer(**each) for each in row["per_rate"] or ()],
            failure=None if row["failure"] is None else str(from_json(row["failure"])),
            issued_at=None if row["issued_at"] is None else instant_text(row["issued_at"]),
            voided_at=None if row["voided_at"] is None else instant_text(row["voided_at"]),
            **{name: row[name] for name in _AS_THEY_ARE},
        )


_AS_THEY_ARE = (
    "company_name",
    "state",
    "revision",
    "issue_date",
    "due_date",
    "price_type",
    "subtotal",
    "tax",
    "total",
    "pdf_sha256",
    "mailed_to",
    "missing_days",
    "of_invoice",
    "replaces",
    "issue_required",
    "void_reason",
)


class EventAnswer(Snake):
    """What became of an invoice."""

    at: str
    by: str
    state: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> EventAnswer:
        return cls(at=instant_text(event.at), by=event.by, state=event.state, detail=event.detail)


class ProposalAnswer(Snake):
    """What somebody has proposed to do, which another person carries out by proposing the same."""

    deed: str
    by: str
    at: str
    seen: dict[str, Any]
    reason: str | None

    @classmethod
    def of(cls, row: Row) -> ProposalAnswer:
        return cls(**{**row, "at": instant_text(row["at"])})


class InvoiceDetailAnswer(InvoiceAnswer):
    """With its history, and what people have proposed to do with it."""

    history: list[EventAnswer]
    proposals: list[ProposalAnswer]


class DraftsAnswer(Snake):
    """Drafts of a month that wait for people. `issued`: how many were issued, null while a person has to agree."""

    month: str
    count: int
    total: int
    proposed_by: list[str]
    issued: int | None = None

    @classmethod
    def of(cls, drafts: Drafts, issued: int | None = None) -> DraftsAnswer:
        return cls(
            month=drafts.month,
            count=drafts.count,
            total=drafts.total,
            proposed_by=list(drafts.proposed_by),
            issued=issued,
        )


class DecisionAnswer(Snake):
    """The document as it stands; `done` is false while another person has to agree."""

    done: bool
    invoice: InvoiceAnswer


class CreditAnswer(Snake):
    """The figures that are given back, below 0, and the credit note; null while another person has to agree."""

    per_rate: list[RateTotalAnswer]
    subtotal: int
    tax: int
    total: int
    issue_required: bool
    credit_note: InvoiceAnswer | None
    invoice: InvoiceAnswer

    @classmethod
    def of(cls, credit: Credit) -> CreditAnswer:
        figures = credit.figures
        return cls(
            per_rate=[
                RateTotalAnswer(
                    rate=None if each.rate is None else plain(each.rate),
                    net=each.net,
                    tax=each.tax,
                    gross=each.gross,
                )
                for each in figures.per_rate
            ],
            subtotal=figures.subtotal,
            tax=figures.tax,
            total=figures.total,
            issue_required=figures.issue_required,
            credit_note=None if credit.credit_note is None else InvoiceAnswer.of(credit.credit_note),
            invoice=InvoiceAnswer.of(credit.invoice),
        )


class DifferenceAnswer(Snake):
    """What is stored otherwise than the facts say."""

    check: str
    what: str
    expected: Any
    found: Any


class VerificationAnswer(Snake):
    """A month worked out again."""

    equal: bool
    differences: list[DifferenceAnswer]
