"""Contracts of a month with the facts that they are billed by, and what they come to until it is issued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from batch_platform.staffing.store.statements import Row, StaffingStatements, rows_of


class Drafting(StaffingStatements):
    """`month` is the first day of the billed month everywhere."""

    def lock_month(self, month: date) -> None:
        """Who drafts or issues a month, voids or credits in it, does so alone until the transaction ends."""
        self._rows("lock_month", month=month)

    def contracts_to_bill(self, month: date) -> list[str]:
        """Contracts without an issued invoice of the month, by company, then by contract."""
        return [row["contract_id"] for row in self._rows("contracts_to_bill", month=month)]

    def billing_facts(self, month: date, contract_ids: Sequence[str]) -> list[Row]:
        """Of each: contract, company, usage of its covered days, and the void invoice that a new one replaces."""
        return self._rows("billing_facts", month=month, contract_ids=list(contract_ids))

    def issuers(self) -> list[Row]:
        """All there are."""
        return self._rows("issuers")

    def tax_rates(self) -> list[Row]:
        """All rows; rates are plain digits."""
        return self._rows("tax_rates")

    def save_drafts(self, month: date, rows: Sequence[Row], *, by: str, now: datetime) -> int:
        """What contracts come to now; how many differ from what was there."""
        return self._run("save_drafts", month=month, rows=rows_of(rows), by=by, now=now)

    def month_states(self, month: date) -> list[Row]:
        """`state`, `invoices`, `total`."""
        return self._rows("month_states", month=month)

    def undone_invoices(self, month: date) -> list[Row]:
        """What waits or has failed, and why."""
        return self._rows("undone_invoices", month=month)

    def month_invoices(self, month: date) -> list[Row]:
        """`contract_id`, `state` and `total` of the living invoices."""
        return self._rows("month_invoices", month=month)

    def unmailed_contracts(self, month: date) -> list[str]:
        """Contracts whose issued invoice was mailed to nobody."""
        return [row["contract_id"] for row in self._rows("unmailed_contracts", month=month)]

    def unfinished_months(self, newest: date) -> list[date]:
        """The newest and those before it that were missed or wait, oldest first."""
        return [row["month"] for row in self._rows("unfinished_months", newest=newest)]

    def totals_by_month(self, first: date, last: date) -> list[Row]:
        """`month`, `invoices`, `total` of what was issued."""
        return self._rows("totals_by_month", first=first, last=last)
