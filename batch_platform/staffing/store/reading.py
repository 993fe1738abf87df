"""Invoices and credit notes as people look for them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from batch_platform.staffing.store.statements import Row, StaffingStatements

_FILTERS: Final = (
    "id",
    "number",
    "of_invoice",
    "month",
    "kind",
    "states",
    "company_ids",
    "counterparty",
    "issued_from",
    "issued_to",
    "total_from",
    "total_to",
)


class Reading(StaffingStatements):
    """What was made, by month, company and contract."""

    def invoices_page(self, *, after: UUID | None = None, limit: int, **filters: Any) -> list[Row]:
        """Those that match everything given; ranges hold their ends. `after` is the last one of the page before."""
        return self._rows("invoices_page", after=after, limit=limit, **{**dict.fromkeys(_FILTERS), **filters})

    def invoice_document(self, invoice_id: UUID) -> Row | None:
        """`document`, `number`, `pdf_sha256`, `object_key`."""
        return next(iter(self._rows("invoice_document", id=invoice_id)), None)

    def invoice_events(self, invoice_id: UUID) -> list[Row]:
        """Its history, oldest first."""
        return self._rows("invoice_events", id=invoice_id)
