"""Invoices and credit notes as API and command line write them. Ids are as they were given, amounts yen."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict

from batch_platform.core.messages import from_json
from batch_platform.staffing import ids
from batch_platform.staffing.instants import instant_text
from batch_platform.staffing.service.invoices.reading import Event
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
