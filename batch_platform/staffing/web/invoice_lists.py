"""Invoices and credit notes, listed and searched alike by API, command line and console."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from batch_platform.kit.lists import List, Paging
from batch_platform.staffing import ids
from batch_platform.staffing.model import InvoiceKind, InvoiceState
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import reading
from batch_platform.staffing.web.invoice_schemas import InvoiceAnswer, Row
from batch_platform.web.api.strict import IsoDate, Month, StrictModel, Text

_YEN: Final = 10**17


class InvoiceSearch(StrictModel):
    """What is looked for: date, amount and counterparty with ranges, as the law on electronic books asks for."""

    month: Month | None = Field(default=None, description="Only of this billed month, YYYY-MM.")
    state: InvoiceState | Literal["all"] | None = Field(
        default=None, description="Only in this state, or all; default: issued and drafts."
    )
    document: InvoiceKind | Literal["all"] = Field(
        default=InvoiceKind.INVOICE, description="invoice, credit_note or all."
    )
    company: Text | None = Field(default=None, description="Only of the company with this id.")
    counterparty: Text | None = Field(default=None, description="A part of the name on the document.")
    issued_from: IsoDate | None = Field(default=None, alias="issued_from", description="Issued on this day or later.")
    issued_to: IsoDate | None = Field(default=None, alias="issued_to", description="Issued on this day or earlier.")
    total_from: int | None = Field(
        default=None, alias="total_from", ge=-_YEN, le=_YEN, description="Of this total or more, yen with tax."
    )
    total_to: int | None = Field(
        default=None, alias="total_to", ge=-_YEN, le=_YEN, description="Of this total or less, yen with tax."
    )

    @property
    def search(self) -> reading.Search:
        """As the use case takes it."""
        return reading.Search(
            month=None if self.month is None else parse_month(self.month),
            kind=None if self.document == "all" else InvoiceKind(self.document),
            states=_states(self.state),
            company_ids=None if self.company is None else _ids(self.company),
            counterparty=self.counterparty,
            issued_from=self.issued_from,
            issued_to=self.issued_to,
            total_from=self.total_from,
            total_to=self.total_to,
        )


def _states(state: InvoiceState | str | None) -> tuple[InvoiceState, ...] | None:
    if state is None:
        return reading.LISTED
    return None if state == "all" else (InvoiceState(state),)


def _ids(text: str) -> tuple[str, ...]:
    """A text that reads like a number may be either."""
    return (text, ids.encode(text))


def _read(context: StaffingContext, filters: InvoiceSearch, paging: Paging) -> tuple[list[Row], str | None]:
    return reading.invoices(context, filters.search, limit=paging.limit, cursor=paging.cursor)


def _yen(row: Any) -> str:
    return "" if row["total"] is None else f"{row['total']:,}"


INVOICES: Final = List(
    filters=InvoiceSearch,
    read=_read,
    row=InvoiceAnswer,
    columns={
        "month": lambda row: f"{row['month']:%Y-%m}",
        "company": lambda row: ids.shown(row["company_id"]),
        "contract": lambda row: ids.shown(row["contract_id"]),
        "document": "kind",
        "number": lambda row: row["number"] or row["id"],
        "state": "state",
        "issued": "issue_date",
        "due": "due_date",
        "total": _yen,
    },
    empty="no invoice",
    path="/invoices",
    name="list_invoices",
    doc="Issued invoices and drafts, or what is searched for by date, amount and counterparty.",
)
