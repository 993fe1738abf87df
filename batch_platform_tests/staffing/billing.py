"""Contracts to bill for September 2026, and what came of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import monthly, reading
from batch_platform_tests.staffing.facts import rows

SEPTEMBER = date(2026, 9, 1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)
ISSUER = {
    "kind": "issuer",
    "registration_number": "Ｔ7000-0120-50002",
    "name": "株式会社髙﨑スタッフィング",
    "tax_rounding": "floor",
    "number_prefix": "INV",
}
RATE = {"kind": "tax_rate", "category": "standard", "rate": "10", "valid_from": "2019-10-01"}
TERMS = {
    "from": "2026-01-01",
    "base_price": 30_000,
    "max_users": 1,
    "max_engineers": 1,
    "price_per_user": 1_000,
    "price_per_engineer": 500,
}


def company(number: int | str, **more: Any) -> dict[str, Any]:
    return {"kind": "company", "company_id": number, "name": f"株式会社{number}", "email": f"a{number}@b.jp", **more}


def contract(number: int | str, owner: int | str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "contract",
        "contract_id": number,
        "company_id": owner,
        "start": "2026-09-30",
        "terms": [TERMS],
        "payment": {"kind": "net_days", "days": 30, "holiday": "none"},
        **more,
    }


def used(owner: int | str, users: int = 1) -> dict[str, Any]:
    return {
        "kind": "usage_day",
        "company_id": owner,
        "date": "2026-09-30",
        "total_users": users,
        "total_engineers": 0,
    }


def run(context: StaffingContext, month: date = SEPTEMBER) -> monthly.MonthOutcome:
    return monthly.run(context, month, by="system")


def listed(context: StaffingContext, **search: Any) -> list[dict[str, Any]]:
    return reading.invoices(context, reading.Search(**search), limit=500)[0]


def mails(context: StaffingContext) -> list[tuple[str, Any]]:
    """Recipient and attachment of each mail in the outbox, in their order."""
    statement = "SELECT recipient, attachments -> 0 FROM outbox.notices WHERE domain = 'staffing' ORDER BY number"
    return [(to, attached) for to, attached in rows(context, statement)]
