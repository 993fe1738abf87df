"""The account check: whom somebody has to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from batch_platform.staffing.service import StaffingContext, accounts, statuses
from batch_platform_tests.staffing.facts import load

DAY = date(2026, 9, 10)
TERMS = {
    "from": "2026-01-01",
    "base_price": 30000,
    "max_users": 5,
    "max_engineers": 5,
    "price_per_user": 500,
    "price_per_engineer": 500,
}


def contract(number: int, company: int, end: str | None) -> dict[str, Any]:
    return {
        "kind": "contract",
        "contract_id": number,
        "company_id": company,
        "start": "2026-01-01",
        "end": end,
        "terms": [TERMS],
        "payment": {"kind": "net_days", "days": 30, "holiday": "next"},
    }


def user(name: str, company: int = 2, **more: Any) -> dict[str, Any]:
    return {"kind": "user", "user_id": name, "company_id": company, **more}


def test_whom_somebody_has_to_look_at(emptied: StaffingContext) -> None:
    context = replace(emptied, clock=lambda: datetime(2026, 12, 1, tzinfo=UTC))
    load(
        context,
        {"kind": "company", "company_id": 1, "name": "髙橋商事"},
        {"kind": "company", "company_id": 2, "name": "続く"},
        {"kind": "company", "company_id": 3, "name": "閉じた", "closed_at": "2026-09-01T00:00:00Z"},
        contract(1, 1, "2026-08-31"),
        contract(2, 1, "2026-09-09"),
        contract(3, 2, "2026-03-31"),
        contract(4, 2, "2026-09-10"),
        contract(5, 3, "2026-08-31"),
        user("away"),
        user("a day less"),
        user("made long ago", created_at="2026-01-01T00:00:00Z"),
        user("new", created_at="2026-09-01T00:00:00Z"),
        user("unknown"),
        user("deleted", deleted_at="2026-09-01T00:00:00Z"),
        user("of a closed one", 3),
        {"kind": "login", "id": 1, "user_id": "away", "company_id": 2, "at": "2026-06-12T14:59:59Z"},
        {"kind": "login", "id": 2, "user_id": "a day less", "company_id": 2, "at": "2026-06-12T15:00:00Z"},
    )
    statuses.write_day(context, DAY)
    found = accounts.check(context, DAY)
    assert [(one.kind, one.subject, one.since) for one in found] == [
        ("contract_ended", 1, date(2026, 9, 9)),
        ("no_sign_in", "unknown", None),
        ("no_sign_in", "made long ago", date(2026, 1, 1)),
        ("no_sign_in", "away", date(2026, 6, 12)),
    ]
    assert found[0].message == "company 髙橋商事: its contracts ended on 2026-09-09, and it is not closed"
    assert found[3].message == "user away of 続く has not signed in since 2026-06-12"

    # the next day: one signs in, one more has been away for 90 days, and what is known keeps its first day
    following = DAY + timedelta(days=1)
    load(context, {"kind": "login", "id": 3, "user_id": "unknown", "company_id": 2, "at": "2026-09-10T00:00:00Z"})
    statuses.write_day(context, following)
    found = accounts.check(context, following)
    assert {one.subject: one.found_on for one in found} == {
        1: DAY,
        2: following,
        "made long ago": DAY,
        "away": DAY,
        "a day less": following,
    }
    assert accounts.check(context, DAY) == found == accounts.findings(context), "an older day changes nothing"
