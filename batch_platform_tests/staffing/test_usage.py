"""What a day came to: by hand, and beside the oracle over random facts."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import plain
from batch_platform.staffing.model import Aggregated
from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.service import StaffingContext, loading, usage
from batch_platform_tests.staffing.facts import assignment, load, rows

DAY = date(2026, 9, 10)
BEGIN, END = "2026-09-09T15:00:00Z", "2026-09-10T15:00:00Z"  # of the day in Tokyo
LAST = "2026-09-10T14:59:59.999999Z"
AFTER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def context(emptied: StaffingContext) -> StaffingContext:
    return replace(emptied, clock=lambda: AFTER)


def company(name: int | str, **more: Any) -> dict[str, Any]:
    return {"kind": "company", "company_id": name, "name": f"company {name}", **more}


def request(number: int, at: str, *, of: int = 1, feature: str = "search", **more: Any) -> dict[str, Any]:
    return {"kind": "api_request", "id": number, "company_id": of, "at": at, "feature": feature, **more}


def approach(number: int, sent: str, **more: Any) -> dict[str, Any]:
    return {"kind": "approach", "id": number, "company_id": 1, "sent_at": sent, **more}


def test_a_day_of_a_company_by_hand(context: StaffingContext) -> None:
    load(
        context,
        company(1),
        company("to come", created_at=END),
        company("gone", closed_at=BEGIN),
        company("closed within", created_at=LAST, closed_at=LAST),
        *({"kind": "user", "user_id": number, "company_id": 1} for number in (1, 2)),
        {"kind": "user", "user_id": 3, "company_id": 1, "created_at": LAST, "deleted_at": END},
        {"kind": "user", "user_id": 4, "company_id": 1, "created_at": END},
        {"kind": "user", "user_id": 5, "company_id": 1, "deleted_at": LAST},
        *({"kind": "engineer", "engineer_id": number, "company_id": 1} for number in (1, 2, 3)),
        {"kind": "engineer", "engineer_id": 4, "company_id": 1, "deleted_at": LAST},
        assignment(1, "2026-09-10", "2026-09-10"),
        assignment(2, "2026-09-11", None),
        assignment(3, "2026-01-01", None, state="tentative"),
        assignment(4, "2026-01-01", None),
        {"kind": "login", "id": 1, "user_id": 1, "company_id": 1, "at": BEGIN},
        {"kind": "login", "id": 2, "user_id": 1, "company_id": 1, "at": LAST},
        {"kind": "login", "id": 3, "user_id": 2, "company_id": 1, "at": END},
        request(1, BEGIN, user_id=1, status=200, duration_ms="10"),
        request(2, LAST, user_id=9, feature="b", status=500, duration_ms="20.005"),
        request(3, LAST, user_id=None, feature="aa", status=404, duration_ms="0.01"),
        request(4, END, user_id=2, feature="late"),
        request(5, BEGIN, of=77, status=503),
        approach(1, BEGIN, engineer_id=1, opened_at=LAST, replied_at=END),
        approach(2, "2026-09-01T00:00:00Z", engineer_id=2, opened_at="2026-09-02T00:00:00Z", replied_at=LAST),
        approach(3, LAST),
        {"kind": "mail", "id": 1, "company_id": 1, "accepted_at": LAST},
        # 5,243 bytes are 0.0050001… MiB
        {"kind": "file", "id": 1, "company_id": 1, "bytes": 5_242, "created_at": LAST},
        {"kind": "file", "id": 2, "company_id": 1, "bytes": 1},
        {"kind": "file", "id": 3, "company_id": 1, "bytes": 2**40, "deleted_at": LAST},
        {"kind": "skill_sheet_edit", "id": 1, "company_id": 1, "engineer_id": 1, "at": LAST},
    )
    with context.store.transaction() as session:
        for minute in (
            "2026-09-09 14:59:59.9+00",
            "2026-09-09 15:00+00",
            "2026-09-10 23:59:59+09",
            "2026-09-10 23:59+09",
        ):
            session.beat(datetime.fromisoformat(minute))
    nothing = dict.fromkeys(("total_users", "total_engineers", "active_users", "active_engineers"), 0)
    nothing |= {"approach_count": 0, "email_sent_count": 0, "login_count": 0, "api_call_count": 0}
    expected = {
        "company_id": 1,
        "date": "2026-09-10",
        "total_users": 3,
        "total_engineers": 3,
        "active_users": 2,
        "active_engineers": 1,
        "approach_count": 2,
        "email_sent_count": 1,
        "login_count": 2,
        "storage_usage_mb": "0.01",
        "api_call_count": 3,
        "feature_usage": {"aa": 1, "b": 1, "search": 1},
    }
    empty = {**expected, **nothing, "company_id": "closed within", "storage_usage_mb": "0.00", "feature_usage": {}}
    found = [plain(asdict(row)) for row in usage.usage(context, DAY)]
    assert found == [expected, empty]
    assert list(found[0]["feature_usage"]) == ["aa", "b", "search"]

    would = usage.aggregate(context, DAY, dry_run=True)
    assert rows(context, "SELECT count(*) FROM usage_days") == [(0,)]
    assert usage.aggregate(context, DAY) == would == Aggregated(DAY, 2, 1, 2, 2)
    assert usage.aggregate(context, DAY) == Aggregated(DAY, 0, 0, 0, 0)
    assert [plain(asdict(row)) for row in usage.usage(context, DAY)] == [expected, empty]
    [system] = usage.systems(context, DAY - timedelta(days=1), DAY)
    assert system == {
        "date": DAY,
        "total_users": 3,
        "active_users": 2,
        "total_engineers": 3,
        "total_companies": 1,
        "total_approaches": 2,
        "requests": 4,
        "system_uptime": Decimal("0.0014"),
        "response_time_avg": Decimal("10.01"),  # 30.015 of three is 10.005
        "response_time_p50": Decimal(10),
        "response_time_p95": Decimal("20.005"),
        "response_time_p99": Decimal("20.005"),
        "error_rate": Decimal("0.5000"),
    }
    [own, _] = usage.activity(context, DAY)
    assert own == {"company_id": 1, "logins": 2, "skill_sheet_edits": 1, "approaches_received": 1, "replies": 1}
    [own, other] = usage.approaches(context, DAY)
    assert own == {"company_id": 1, "sent": 2, "opened": 1, "replied": 1, "reply_rate": Decimal("0.5000")}
    assert (other["sent"], other["reply_rate"]) == (0, None)


@pytest.mark.parametrize("seed", range(3))
def test_the_database_answers_as_the_oracle(context: StaffingContext, seed: int) -> None:
    made = worlds.world(Random(seed))
    loading.load(context, [line.encode() for line in made.lines])
    world = oracle.read(made.lines)
    for day in made.aggregated:
        expected = oracle.used(world, day)
        assert [plain(asdict(row)) for row in usage.usage(context, day)] == expected
        usage.aggregate(context, day)
        assert [plain(asdict(row)) for row in usage.usage(context, day)] == expected
    assert expected


def test_totals_that_were_loaded_stay(context: StaffingContext) -> None:
    told = {"kind": "usage_day", "company_id": 1, "date": str(DAY), "total_users": 30, "total_engineers": 40}
    load(context, company(1), {"kind": "login", "id": 1, "user_id": 1, "company_id": 1, "at": BEGIN}, told)
    usage.aggregate(context, DAY)
    [row] = usage.usage(context, DAY)
    assert (row.total_users, row.total_engineers, row.login_count) == (30, 40, 1)
    assert rows(context, "SELECT source, total_users, login_count FROM usage_days") == [("loaded", 30, 1)]


def test_a_company_that_was_not_there_loses_its_row(context: StaffingContext) -> None:
    load(context, company(1))
    usage.aggregate(context, DAY)
    with context.store.transaction() as session:
        session.connection.execute("UPDATE companies SET created_at = '2026-09-10 24:00+09'")
    assert usage.aggregate(context, DAY).company_usage == 1
    assert rows(context, "SELECT count(*) FROM usage_days") == [(0,)]


def test_what_was_counted_outlives_its_facts(context: StaffingContext) -> None:
    load(context, company(1), {"kind": "login", "id": 1, "user_id": 1, "company_id": 1, "at": BEGIN})
    usage.aggregate(context, DAY)
    later = replace(context, clock=lambda: datetime(2029, 1, 1, tzinfo=UTC))
    assert usage.aggregate(later, DAY) == Aggregated(DAY, 0, 0, 0, 0)
    with context.store.transaction() as session:
        session.connection.execute("DELETE FROM logins")
    with pytest.raises(InvalidInput, match="of 2026-09-10 are deleted by now"):
        usage.aggregate(later, DAY)
    assert rows(context, "SELECT login_count FROM usage_days") == [(1,)]


def test_missed_days_are_told_in_order_and_none_that_is_not_over(context: StaffingContext) -> None:
    assert usage.missing_days(context, DAY) == [DAY - timedelta(days=1)]
    usage.aggregate(context, DAY)
    assert usage.missing_days(context, DAY + timedelta(days=3)) == [DAY + timedelta(days=1), DAY + timedelta(days=2)]
    with pytest.raises(InvalidInput, match="2026-12-01 is not over yet"):
        usage.aggregate(context, date(2026, 12, 1))
