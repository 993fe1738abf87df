"""Invoices against the facts, worked out again."""

from __future__ import annotations

from datetime import date

from batch_platform.staffing.store.statements import Row, StaffingStatements


class Verifying(StaffingStatements):
    """Reads alone; `month` is the first day of the billed month."""

    def recomputed_charges(self, month: date) -> list[Row]:
        """Of each contract: `amounts` by rate before discounts, what it lacks, and the invoice that is there."""
        return self._rows("recomputed_charges", month=month)

    def broken_series(self) -> list[Row]:
        """Series whose numbers are not 1 to the counter's."""
        return self._rows("broken_series")

    def billed_twice(self, month: date) -> list[Row]:
        """`contract_id`, `kind`, `documents`."""
        return self._rows("billed_twice", month=month)

    def issued_documents(self, month: date) -> list[Row]:
        """What has a number, void or not."""
        return self._rows("issued_documents", month=month)

    def stray_invoices(self, month: date) -> list[Row]:
        """Living documents that no contract asks for."""
        return self._rows("stray_invoices", month=month)
