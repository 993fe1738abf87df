"""Periodic approaches: each occurrence is decided once, by criteria as they are then, and told in its transaction."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.staffing.recurrence import Action
from batch_platform.staffing.service import StaffingContext, approaches, loading

DAILY = {"every": "day", "time": "09:00", "start_on": "2026-11-01"}
NINE = datetime(2026, 11, 1, tzinfo=UTC)  # 09:00 in Tokyo
FACTS: list[dict[str, Any]] = [
    {"kind": "company", "company_id": 1, "name": "株式会社髙橋"},
    {"kind": "company", "company_id": "c-2", "name": "有限会社𠮷田"},
    {"kind": "engineer", "engineer_id": 1, "company_id": 1, "email": "e1@example.jp", "skills": ["java", "aws"]},
    {"kind": "engineer", "engineer_id": "1", "company_id": 1, "skills": ["java"]},
    {"kind": "engineer", "engineer_id": "e-3", "company_id": 1, "email": "e3@example.jp"},
    {"kind": "engineer", "engineer_id": "e-4", "company_id": 1, "deleted_at": "2026-10-01T00:00:00Z"},
    {"kind": "status_hold", "engineer_id": "e-3", "status": "working", "valid_from": "2026-11-01"},
    {"kind": "exclusion", "company_id": "c-2", "engineer_id": "1", "reason": "本人の希望"},
]


def approach(identity: int | str = "p-1", policy: str = "all", **given: Any) -> dict[str, Any]:
    line = {"approach_id": identity, "company_id": "c-2", "rule": DAILY, "criteria": {}, "policy": policy}
    return {"kind": "periodic_approach", "template": "periodic-approach", **line, **given}


def at(context: StaffingContext, now: datetime, *facts: dict[str, Any]) -> StaffingContext:
    loading.load(context, [json.dumps(fact).encode() for fact in (*FACTS, *facts)])
    with context.store.transaction() as session:
        session.connection.execute("TRUNCATE outbox.notices")
    return replace(context, clock=lambda: now)


def rows(context: StaffingContext, statement: str) -> list[Any]:
    with context.store.snapshot() as session:
        return session.connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def test_each_policy_makes_of_missed_ones_what_it_says(emptied: StaffingContext) -> None:
    policies = ("all", "latest", "skip")
    context = at(emptied, NINE + timedelta(days=2, minutes=60), *(approach(name, name) for name in policies))
    due = approaches.due(context, context.clock())
    decided = approaches.decide(context)
    assert [(each.approach_id, each.scheduled_for.day, each.action is Action.DELIVER) for each in due] == [
        *(("all", day, True) for day in (1, 2, 3)),
        *(("latest", day, day == 3) for day in (1, 2, 3)),
        *(("skip", day, day == 3) for day in (1, 2, 3)),
    ]
    assert sorted((each.approach_id, each.scheduled_for.day, each.state, each.engineers) for each in decided) == [
        *(("all", day, "delivered", 1) for day in (1, 2, 3)),
        *(("latest", day, *(("delivered", 1) if day == 3 else ("skipped", 0))) for day in (1, 2, 3)),
        *(("skip", day, *(("delivered", 1) if day == 3 else ("skipped", 0))) for day in (1, 2, 3)),
    ]
    assert approaches.decide(context) == []
    assert approaches.due(context, context.clock()) == []


def test_available_engineers_are_told_by_mail_and_in_the_app_once(emptied: StaffingContext) -> None:
    context = at(emptied, NINE, approach(company_id=1))
    with ThreadPoolExecutor(4) as several:
        decided = [each for found in several.map(lambda _: approaches.decide(context), range(4)) for each in found]
    assert [(each.state, each.engineers) for each in decided] == [("delivered", 2)]
    assert rows(context, "SELECT channel, recipient, category FROM outbox.notices ORDER BY channel, recipient") == [
        ("in_app", "1", "advertising"),
        ("in_app", "1", "advertising"),
        ("mail", "e1@example.jp", "advertising"),
    ]
    sent = rows(context, "SELECT engineer_id, company_id, sent_at, approach_id FROM staffing.approaches ORDER BY 1")
    assert sent == [('"1"', "1", NINE, "p-1"), ("1", "1", NINE, "p-1")]


@pytest.mark.parametrize(
    ("criteria", "engineers"),
    [
        ({}, 1),
        ({"status": "working"}, 1),
        ({"status": ["waiting", "working"]}, 2),
        ({"skills": ["aws", "java"]}, 1),
        ({"skills": "cobol"}, 0),
        ({"company_id": "c-2"}, 0),
        ({"company_id": [1, "c-2"]}, 1),
    ],
    ids=["none", "status", "statuses", "skills", "skill", "company", "companies"],
)
def test_criteria_choose(emptied: StaffingContext, criteria: dict[str, Any], engineers: int) -> None:
    [decided] = approaches.decide(at(emptied, NINE, approach(criteria=criteria)))
    assert (decided.state, decided.engineers) == ("delivered" if engineers else "empty", engineers)


def test_criteria_that_cannot_be_read_fail_alone_and_are_tried_again(emptied: StaffingContext) -> None:
    context = at(emptied, NINE, approach("bad", criteria={"colour": "red"}), approach("good"))
    assert {each.approach_id: each.state for each in approaches.decide(context)} == {
        "bad": "failed",
        "good": "delivered",
    }
    with pytest.raises(InvalidInput, match="colour"):
        approaches.failed(context, "bad")
    with context.store.transaction() as session:
        session.connection.execute("UPDATE periodic_approaches SET criteria = '{}' WHERE approach_id = 'bad'")
    assert [each.state for each in approaches.failed(context, "bad")] == ["failed"]
    records: list[Any] = []
    for _ in range(2):
        approaches.retry(context, "bad", lambda _connection, *record: records.append(record))
    assert records == [
        (approaches.RETRY, "bad", {"failed": 1}, {"delivered": ["2026-11-01T00:00:00Z"]}),
        (approaches.RETRY, "bad", {"failed": 0}, {"delivered": []}),
    ]
    assert rows(context, "SELECT state FROM staffing.approach_occurrences GROUP BY 1") == [("delivered",)]
    with pytest.raises(NotFound):
        approaches.failed(context, "nobody")


def test_another_rule_goes_on_after_what_is_decided(emptied: StaffingContext) -> None:
    context = at(emptied, NINE, approach())
    approaches.decide(context)
    with context.store.transaction() as session:
        session.connection.execute("""UPDATE periodic_approaches SET rule = rule || '{"time": "10:30"}'""")
    later = replace(context, clock=lambda: NINE + timedelta(minutes=90))
    assert [each.scheduled_for for each in approaches.decide(later)] == [NINE + timedelta(minutes=90)]
    [row] = approaches.approaches(later)
    assert row["next_at"] == NINE + timedelta(days=1, minutes=90)


def test_more_than_one_transaction_takes(emptied: StaffingContext) -> None:
    context = at(emptied, NINE + timedelta(days=39), *(approach(name) for name in ("p-1", "p-2", "p-3")))
    assert len(approaches.decide(context)) == 3 * 40
    assert rows(context, "SELECT count(*), count(DISTINCT key) FROM outbox.notices") == [(240, 240)]


def test_whoever_is_excluded_since_is_vetoed(emptied: StaffingContext) -> None:
    context = at(emptied, NINE, approach(company_id=1))
    approaches.decide(context)
    loading.load(context, [b'{"kind": "exclusion", "company_id": 1, "engineer_id": 1}'])
    statement = (
        "SELECT v.reason FROM staffing.vetoes((SELECT jsonb_agg(jsonb_build_object('key', n.key, 'parameters', "
        "n.parameters)) FROM outbox.notices AS n WHERE channel = 'mail'), now()) AS v"
    )
    assert rows(context, statement) == [("the company excludes this engineer",)]
