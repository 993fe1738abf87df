"""The oracle of what is loaded: statuses, usage, invoices and approaches, worked out by hand; and random files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest

from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.proving.oracle import BadLine, World
from batch_platform_tests.staffing.holidays import national_holidays

Json = dict[str, Any]
ON = date(2026, 9, 10)


def loaded(*lines: Json) -> World:
    return oracle.read(json.dumps(line) for line in lines)


def assignment(id_: int, start: str, end: str | None, recorded_at: str = "2026-08-01", **fields: Any) -> Json:
    line = {"kind": "assignment", "assignment_id": id_, "engineer_id": 1, "project_id": "p", "state": "confirmed"}
    line |= {"start": start, "planned_end": end, "actual_end": None, "recorded_at": f"{recorded_at}T00:00:00Z"}
    return line | fields


def hold(valid_from: str, valid_to: str | None, status: str = "leave") -> Json:
    held = {"engineer_id": 1, "status": status, "valid_from": valid_from, "valid_to": valid_to, "reason": "r"}
    return {"kind": "status_hold", **held}


def status(*lines: Json, known_at: str | None = None) -> tuple[Any, ...]:
    at = None if known_at is None else datetime.fromisoformat(known_at)
    [row] = oracle.statuses(loaded(*lines), ON, at)
    assert row["engineer_id"] == 1
    return row["status"], row["reason"], row["until"]


WAITING = ("waiting", "none", None)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], WAITING),
        ([assignment(1, "2026-09-10", "2026-09-10")], ("waiting_soon", "soon", "2026-09-10")),
        ([assignment(1, "2026-09-11", "2026-12-31")], WAITING),
        ([assignment(1, "2026-09-01", "2026-09-09")], WAITING),
        ([assignment(1, "2026-09-01", "2026-12-09")], ("waiting_soon", "soon", "2026-12-09")),
        ([assignment(1, "2026-09-01", "2026-12-10")], ("working", "working", "2026-12-10")),
        ([assignment(1, "2026-09-01", None)], ("working", "working", None)),
        ([assignment(1, "2026-09-01", None, actual_end="2026-09-10")], ("waiting_soon", "soon", "2026-09-10")),
        ([assignment(1, "2026-09-01", None, state="tentative")], WAITING),
        ([assignment(1, "2026-09-01", None, state="cancelled")], WAITING),
        (
            [assignment(2, "2026-10-01", "2026-12-31"), assignment(1, "2026-09-01", "2026-09-30")],
            ("working", "working", "2026-12-31"),
        ),
        (
            [assignment(1, "2026-09-01", "2026-09-30"), assignment(2, "2026-10-02", "2026-12-31")],
            ("waiting_soon", "soon", "2026-09-30"),
        ),
        (
            [
                assignment(1, "2026-09-01", "2026-12-20"),
                assignment(2, "2026-09-05", "2026-09-06"),
                assignment(3, "2026-12-21", None),
            ],
            ("working", "working", None),
        ),
        ([assignment(1, "2026-09-01", None), hold("2026-09-01", "2026-09-10")], ("leave", "hold", "2026-09-10")),
        ([hold("2026-09-01", "2026-09-09")], WAITING),
        ([hold("2026-09-10", None)], ("leave", "hold", None)),
        ([hold("2026-09-05", None, "training"), hold("2026-09-01", None)], ("training", "hold", None)),
    ],
)
def test_status(lines, said):
    assert status({"kind": "engineer", "engineer_id": 1, "company_id": 1, "created_at": "x"}, *lines) == said


def test_the_newest_version_that_was_known():
    lines = (
        assignment(1, "2026-09-01", "2026-09-30"),
        assignment(1, "2026-09-01", "2026-12-31", recorded_at="2026-09-11"),
        assignment(1, "2026-09-01", "2026-09-05", recorded_at="2026-09-12", state="cancelled"),
    )
    assert status(*lines) == WAITING
    assert status(*lines, known_at="2026-09-11T09:00:00+09:00") == ("working", "working", "2026-12-31")
    assert status(*lines, known_at="2026-09-10T23:59:59Z") == ("waiting_soon", "soon", "2026-09-30")
    assert status(*lines, known_at="2026-07-01T00:00:00Z") == WAITING


def test_every_engineer_that_a_line_names_numbers_before_texts():
    named = (10, "2", 9, "1", 1)
    world = loaded(
        *({"kind": "engineer", "engineer_id": id_, "company_id": 1, "created_at": "x"} for id_ in named[:3]),
        assignment(1, "2026-09-01", None, engineer_id="1"),
        hold("2026-01-01", None),
    )
    rows = oracle.statuses(world, ON, None)
    assert [(row["engineer_id"], row["reason"]) for row in rows] == [
        *((1, "hold"), (9, "none"), (10, "none"), ("1", "working"), ("2", "none"))
    ]


def test_the_same_fact_again_is_skipped_and_another_one_stops():
    first = {"kind": "company", "company_id": 1, "name": "アクメ", "email": "a@example.jp"}
    other = first | {"company_id": "1", "name": "別"}
    assert loaded(first, other, dict(reversed(first.items()))).of("company") == [first, other]
    with pytest.raises(BadLine, match="line 3"):
        loaded(first, other, first | {"name": "別"})
    with pytest.raises(BadLine, match="line 1"):
        loaded({"kind": "firm", "company_id": 1})


ISSUERS = [
    {"kind": "issuer", "name": "甲", "registration_number": name, "tax_rounding": "floor", "number_prefix": name}
    for name in ("A", "B")
]
RATE = {"kind": "tax_rate", "category": "standard", "rate": "10", "valid_from": "2019-10-01", "valid_to": None}


def contract(id_: int | str, company: int | str, start: str = "2026-01-01", **fields: Any) -> Json:
    plan = {"from": start, "base_price": 3_000, "max_users": 0, "max_engineers": 9}
    plan |= {"price_per_user": 100, "price_per_engineer": 100}
    line = {
        "kind": "contract",
        "contract_id": id_,
        "company_id": company,
        "start": start,
        "end": None,
        "terms": [plan],
    }
    return line | {"discounts": [], "extras": []} | fields


def usage_days(company: int | str, month: str, last: int, users: int = 0) -> list[Json]:
    line = {"kind": "usage_day", "company_id": company, "total_users": users, "total_engineers": 0}
    return [line | {"date": f"{month}-{day:02}"} for day in range(1, last + 1)]


def test_numbers_ascend_by_company_and_contract_of_each_issuer_and_year():
    lines = [
        contract("k", 10, issuer="A"),
        contract(10, 2, issuer="A"),
        contract(9, 2, issuer="A"),
        contract(1, "2", issuer="B"),
        contract(7, 11, issuer="A"),
        contract(8, 10, start="2026-12-31", issuer="A"),
        contract(3, 10, end="2026-10-31", issuer="A"),
    ]
    days = [
        day
        for company in (2, 10, "2")
        for month, last in (("2026-11", 30), ("2026-12", 31))
        for day in usage_days(company, month, last)
    ]
    said = oracle.billed(loaded(*ISSUERS, RATE, *lines, *days), ("2026-11", "2026-12"), national_holidays())
    numbers = [
        [(id_, one.get("invoice_number", one.get("reason"))) for id_, one in said[month].items()] for month in said
    ]
    assert numbers == [
        [
            (9, "A-2026-000001"),
            (10, "A-2026-000002"),
            ("k", "A-2026-000003"),
            (7, "waiting_for_usage"),
            (1, "B-2026-000001"),
        ],
        [
            (9, "A-2027-000001"),
            (10, "A-2027-000002"),
            (8, "A-2027-000003"),
            ("k", "A-2027-000004"),
            (7, "waiting_for_usage"),
            (1, "B-2027-000001"),
        ],
    ]
    assert said["2026-12"][8]["total"] == 105


def test_days_without_a_loaded_usage_are_counted_from_facts_once_they_are_aggregated():
    user = {"kind": "user", "user_id": 1, "company_id": 1, "created_at": "2026-01-01T00:00:00Z"}
    lines = [ISSUERS[0], RATE, {"kind": "company", "company_id": 1}, contract(1, 1), user, user | {"user_id": "1"}]
    days = usage_days(1, "2026-11", 29, users=1)
    world, month = loaded(*lines, *days), "2026-11"
    assert oracle.billed(world, [month], national_holidays())[month][1]["days"] == ["2026-11-30"]
    said = oracle.billed(world, [month], national_holidays(), [date(2026, 11, 29), date(2026, 11, 30)])[month][1]
    assert [(line["kind"], line["quantity"]) for line in said["lines"]] == [("base", 1), ("extra_users", 2)]
    assert oracle.used(world, date(2026, 11, 29))[0]["total_users"] == 1


def test_what_is_due_of_approaches_by_their_policies():
    rule = {"every": "day", "time": "09:00", "start_on": "2026-09-08"}
    lines = [
        {"kind": "periodic_approach", "approach_id": id_, "company_id": 1, "rule": rule, "policy": policy}
        for id_, policy in (("2", "skip"), (10, "latest"), (9, "all"))
    ]
    done = {9: [datetime(2026, 9, day, tzinfo=UTC) for day in (8, 9)]}
    said = oracle.approaches_due(loaded(*lines), datetime(2026, 9, 10, 1, tzinfo=UTC), done)
    assert [(row["approach_id"], row["scheduled_for"][8:10], row["action"]) for row in said] == [
        *((9, "10", "deliver"), (10, "08", "skip"), (10, "09", "skip"), (10, "10", "deliver")),
        *(("2", "08", "skip"), ("2", "09", "skip"), ("2", "10", "deliver")),
    ]


def test_a_random_file_can_be_answered_and_is_the_same_in_another_process():
    made = worlds.world(Random(3), worlds.Size(months=3, period="2026-11"))
    world = oracle.read(made.lines)
    said = oracle.billed(world, made.months, national_holidays(), made.aggregated)
    documents = {one["document"] for month in said.values() for one in month.values()}
    assert documents == {"invoice", None}
    reasons = {row["reason"] for day in range(1, 31) for row in oracle.statuses(world, date(2026, 12, day), None)}
    assert reasons == {"hold", "none", "soon", "working"}
    code = (
        "import sys; from random import Random; from batch_platform.staffing.proving import worlds; "
        "sys.stdout.write(worlds.world(Random(3), worlds.Size(months=3, period='2026-11')).text)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONIOENCODING": "utf-8", "TZ": "America/New_York"}
    again = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment)
    assert hashlib.sha256(again.stdout).digest() == hashlib.sha256(made.text.encode()).digest()
