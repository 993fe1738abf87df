"""Usage of a day: a worked day, its edges, and the statistics of requests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import calc
from batch_platform.staffing.request_statistics import Request, percentile, request_statistics, uptime

BEFORE, START = "2026-11-09T14:59:59.999999Z", "2026-11-10T00:00:00+09:00"
LAST, END = "2026-11-10T23:59:59+09:00", "2026-11-10T15:00:00Z"


def rows(**facts: object) -> list[dict[str, object]]:
    return calc.usage(1, {"date": "2026-11-10", "facts": facts})["rows"]


def test_a_worked_day():
    answer = rows(
        companies=[{"company_id": "b"}, {"company_id": 10, "name": "髙﨑"}, {"company_id": 9}, {"company_id": "10"}],
        users=[
            {"user_id": 1, "company_id": 10, "created_at": LAST, "deleted_at": END},
            {"user_id": 2, "company_id": 10, "created_at": END, "deleted_at": None},
            {"user_id": 3, "company_id": 10, "created_at": BEFORE, "deleted_at": LAST},
            {"user_id": "1", "company_id": 10},
        ],
        engineers=[{"engineer_id": each, "company_id": 10, "created_at": BEFORE} for each in (1, 2, 3, 4)]
        + [{"engineer_id": 5, "company_id": 10, "created_at": BEFORE, "deleted_at": LAST}],
        assignments=[
            {"engineer_id": 1, "start": "2026-11-10", "end": "2026-11-10"},
            {"engineer_id": 1, "start": "2026-11-01", "end": None},
            {"engineer_id": 2, "start": "2026-11-11", "end": None},
            {"engineer_id": 3, "start": "2026-11-01", "end": "2026-11-09"},
            {"engineer_id": 5, "start": "2026-11-01", "end": None},
            {"engineer_id": 6, "start": "2026-11-01", "end": None},
        ],
        logins=[{"user_id": 1, "company_id": 10, "at": at} for at in (BEFORE, START, LAST, END)]
        + [{"user_id": 3, "company_id": 10, "at": START}],
        api_requests=[
            {"user_id": user, "company_id": 10, "at": START, "feature": feature, "status": 500, "duration_ms": 3}
            for user, feature in ((1, "search"), (None, "search"), ("1", "export"), (None, "検索"))
        ],
        approaches=[{"company_id": 10, "sent_at": at} for at in (START, END)],
        mails=[{"company_id": 10, "accepted_at": at} for at in (START, LAST, BEFORE)],
        files=[
            {"company_id": 10, "bytes": 5_243, "created_at": BEFORE, "deleted_at": None},
            {"company_id": 10, "bytes": 1_048_576, "created_at": LAST, "deleted_at": END},
            {"company_id": 10, "bytes": 1_048_576, "created_at": BEFORE, "deleted_at": LAST},
        ],
    )
    none = {
        "date": "2026-11-10",
        "total_users": 0,
        "total_engineers": 0,
        "storage_usage_mb": "0.00",
        "active_users": 0,
        "active_engineers": 0,
        "approach_count": 0,
        "email_sent_count": 0,
        "login_count": 0,
        "api_call_count": 0,
        "feature_usage": {},
    }
    assert answer == [
        {"company_id": 9, **none},
        {
            "company_id": 10,
            "date": "2026-11-10",
            "total_users": 2,
            "total_engineers": 4,
            "storage_usage_mb": "1.01",  # 1.0050001…
            "active_users": 3,
            "active_engineers": 1,
            "approach_count": 1,
            "email_sent_count": 2,
            "login_count": 3,
            "api_call_count": 4,
            "feature_usage": {"export": 1, "search": 2, "検索": 1},
        },
        {"company_id": "10", **none},
        {"company_id": "b", **none},
    ]
    assert list(answer[1]["feature_usage"]) == ["export", "search", "検索"]


@pytest.mark.parametrize(
    ("created_at", "closed_at", "exists"),
    [(None, None, True), (END, None, False), (LAST, None, True), (None, START, False), (LAST, LAST, True)],
    ids=["always", "made-later", "made-at-last", "closed-at-once", "a-moment"],
)
def test_companies_of_any_moment_of_the_day(created_at, closed_at, exists):
    company = {"company_id": 1, "created_at": created_at, "closed_at": closed_at}
    assert len(rows(companies=[company])) == exists


def test_somebody_is_there_once():
    with pytest.raises(InvalidInput, match=r"line 1: facts.users: 7 is there twice"):
        rows(users=[{"user_id": 7, "company_id": each} for each in (1, 2)])


def test_statistics_of_requests():
    requests = [Request(status, D(duration)) for status, duration in ((200, "1.5"), (503, "2"), (404, "3"))]
    found = request_statistics([*requests, Request(599, None), Request(None, None)])
    assert (found.count, found.response_time_avg, found.error_rate) == (5, D("2.17"), D("0.4000"))
    assert (found.p50, found.p95, found.p99) == (2, 3, 3)
    assert vars(request_statistics([])) == {**dict.fromkeys(vars(found)), "count": 0}


@given(st.lists(st.integers(0, 99), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(durations, percent):
    found = percentile(sorted(map(D, durations)), percent)
    assert 100 * sum(each <= found for each in durations) >= percent * len(durations)
    assert 100 * sum(each < found for each in durations) < percent * len(durations)


def test_uptime_counts_minutes_of_the_tokyo_day_with_a_heartbeat():
    start = datetime(2026, 11, 9, 15, tzinfo=UTC)
    beats = [start + timedelta(seconds=20 * beat) for beat in range(-3, 3 * 720)]
    assert uptime(beats, date(2026, 11, 10)) == D("0.5000")
    assert uptime([], date(2026, 11, 10)) == 0
