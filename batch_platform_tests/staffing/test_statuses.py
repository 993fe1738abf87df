"""Statuses by day: by hand, beside the oracle over random facts, and as the job writes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import ids
from batch_platform.staffing import statuses as statuses_rule
from batch_platform.staffing.model import Status
from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.service import StaffingContext, loading, statuses
from batch_platform_tests.staffing.facts import assignment, hold, load, rows

DAY = date(2026, 9, 10)
AFTER = datetime(2026, 12, 1, tzinfo=UTC)

FACTS = {
    "nobody's": ([], ("waiting", "none", None)),
    "last day": ([("2026-01-05", "2026-09-10")], ("waiting_soon", "soon", "2026-09-10")),
    "day after": ([("2026-01-05", "2026-09-09")], ("waiting", "none", None)),
    "begins tomorrow": ([("2026-09-11", "2026-12-31")], ("waiting", "none", None)),
    "90 days": ([("2026-09-10", "2026-12-09")], ("waiting_soon", "soon", "2026-12-09")),
    "91 days": ([("2026-09-10", "2026-12-10")], ("working", "working", "2026-12-10")),
    "open": ([("2026-09-10", None)], ("working", "working", None)),
    "touching": ([("2026-01-05", "2026-09-10"), ("2026-09-11", "2027-03-31")], ("working", "working", "2027-03-31")),
    "a day between": ([("2026-01-05", "2026-09-10"), ("2026-09-12", None)], ("waiting_soon", "soon", "2026-09-10")),
    "overlapping, then open": ([("2026-01-05", "2026-10-10"), ("2026-10-01", None)], ("working", "working", None)),
    "within": ([("2026-01-05", "2027-01-31"), ("2026-09-01", "2026-09-30")], ("working", "working", "2027-01-31")),
}


def of(found: list[Status]) -> dict[int | str, tuple[str, str, str | None]]:
    return {one.engineer_id: (one.status, one.reason, one.until and one.until.isoformat()) for one in found}  # type: ignore[misc]


def at(context: StaffingContext, now: datetime) -> StaffingContext:
    return replace(context, clock=lambda: now)


def test_a_status_is_that_of_the_hold_or_of_the_chain(emptied: StaffingContext) -> None:
    load(
        emptied,
        *({"kind": "engineer", "engineer_id": name, "company_id": 1} for name in FACTS),
        *(assignment(name, *days) for name, (spans, _) in FACTS.items() for days in spans),
        assignment("ended early", "2026-01-05", "2027-03-31", actual_end="2026-09-30"),
        assignment("never began", "2026-09-01", "2027-03-31", actual_end="2026-08-31"),
        assignment("tentative", "2026-01-05", None, state="tentative"),
        assignment("taken back", "2026-01-05", None, assignment_id=5),
        assignment(
            "taken back", "2026-01-05", None, assignment_id=5, state="cancelled", recorded="2026-02-01T00:00:00Z"
        ),
        assignment("on leave", "2026-01-05", None),
        hold("on leave", "leave", "2026-09-01", "2026-09-10"),
        hold("back", "leave", "2026-09-01", "2026-09-09"),
        hold("two", "leave", "2026-01-01"),
        hold("two", "training", "2026-09-10", "2026-09-20"),
        assignment(10, "2026-01-05", None),
        assignment(9, "2026-01-05", None),
        assignment("10", "2026-01-05", None),
    )
    found = statuses.statuses(emptied, DAY)
    assert of(found) == {
        **{name: status for name, (_, status) in FACTS.items()},
        "ended early": ("waiting_soon", "soon", "2026-09-30"),
        "never began": ("waiting", "none", None),
        "tentative": ("waiting", "none", None),
        "taken back": ("waiting", "none", None),
        "on leave": ("leave", "hold", "2026-09-10"),
        "back": ("waiting", "none", None),
        "two": ("training", "hold", "2026-09-20"),
        10: ("working", "working", None),
        9: ("working", "working", None),
        "10": ("working", "working", None),
    }
    assert [one.engineer_id for one in found][:3] == [9, 10, "10"]
    known = of(statuses.statuses(emptied, DAY, known_at=datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)))
    assert known["taken back"] == ("working", "working", None)


def by_the_rule(
    world: oracle.World, engineer: int | str, day: date, known_at: datetime | None
) -> statuses_rule.Status:
    """What the pure function makes of the lines."""
    work = [
        statuses_rule.Assignment(
            date.fromisoformat(line["start"]),
            line.get("planned_end") and date.fromisoformat(line["planned_end"]),
            line.get("actual_end") and date.fromisoformat(line["actual_end"]),
            statuses_rule.State(line["state"]),
        )
        for line in world.assignments(known_at)
        if ids.encode(line["engineer_id"]) == ids.encode(engineer)
    ]
    holds = [
        statuses_rule.Hold(
            line["status"],
            date.fromisoformat(line["valid_from"]),
            line.get("valid_to") and date.fromisoformat(line["valid_to"]),
        )
        for line in world.of("status_hold")
        if ids.encode(line["engineer_id"]) == ids.encode(engineer)
    ]
    return statuses_rule.status_on(day, work, holds)


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_the_database_answers_as_the_oracle_and_the_rule(emptied: StaffingContext, seed: int) -> None:
    made = worlds.world(Random(seed), worlds.Size(engineers=60))
    loading.load(emptied, [line.encode() for line in made.lines])
    world, random = oracle.read(made.lines), Random(seed)
    for _ in range(8):
        day = date(2026, 7, 1) + timedelta(days=random.randrange(200))
        known_at = random.choice([None, AFTER - timedelta(days=random.randrange(300))])
        found = statuses.statuses(emptied, day, known_at=known_at)
        answers = [{**vars(one), "until": one.until and one.until.isoformat()} for one in found]
        assert answers == oracle.statuses(world, day, known_at)
        for one in found:
            rule = by_the_rule(world, one.engineer_id, day, known_at)
            assert (one.status, one.reason, one.until) == (rule.status, rule.reason, rule.until)


def standing(context: StaffingContext, day: date) -> dict[str, str]:
    """As known on a day, out of the changes."""
    found = rows(
        context,
        "SELECT engineer_id, status FROM (SELECT DISTINCT ON (engineer_id) engineer_id, status FROM status_changes "
        f"WHERE revision = 0 AND day <= '{day}' ORDER BY engineer_id, day DESC) AS c WHERE status IS NOT NULL",
    )
    return dict(found)


def corrections(context: StaffingContext, day: date) -> dict[str, str]:
    """The newest of each engineer of a day."""
    found = rows(
        context,
        "SELECT DISTINCT ON (engineer_id) engineer_id, status FROM status_changes "
        f"WHERE revision > 0 AND day = '{day}' ORDER BY engineer_id, revision DESC",
    )
    return dict(found)


def test_a_written_day_stays_and_what_came_later_is_a_correction(emptied: StaffingContext) -> None:
    context = at(emptied, AFTER)
    load(context, {"kind": "engineer", "engineer_id": 1, "company_id": 1}, assignment(1, "2026-01-05", "2026-09-09"))
    assert statuses.write_day(context, DAY).counts == {"waiting": 1}
    # a quarter past two of the day in Tokyo: not known when the day's status was
    late = "2026-09-09T17:15:00Z"
    load(context, assignment(1, "2026-01-05", "2027-03-31", recorded=late), assignment("x", "2026-09-10", None))
    again = statuses.write_day(context, DAY)
    assert (again.is_new, again.corrections) == (False, 2)
    assert statuses.write_day(context, DAY).corrections == 0
    changes = rows(
        context, "SELECT engineer_id, revision, previous, status, reason FROM status_changes ORDER BY 1, 2"
    )
    assert changes == [
        ("1", 0, None, "waiting", "none"),
        ("1", 1, "waiting", "working", "working"),
        ("x", 1, None, "working", "working"),
    ]
    assert rows(context, "SELECT status, status_day FROM engineers") == [("working", DAY)]
    # the day after is as known at its own 02:00, and says what changed since the day before as known
    following = statuses.write_day(context, DAY + timedelta(days=1))
    assert [(one.previous, one.status, one.engineers) for one in following.transitions] == [
        (None, "working", 1),
        ("waiting", "working", 1),
    ]
    assert statuses.write_day(context, DAY).corrections == 0, "a correction is of its day alone"


def test_an_older_day_leaves_newer_ones_as_they_were(emptied: StaffingContext) -> None:
    context = at(emptied, AFTER)
    first, middle, last = (DAY + timedelta(days=number) for number in (0, 1, 2))
    load(context, assignment(1, "2026-01-01", "2026-09-10"), assignment(2, "2026-09-11", "2026-09-11"))
    load(context, {"kind": "engineer", "engineer_id": 1, "company_id": 1})
    for day in (first, last):
        statuses.write_day(context, day)
    before = {day: standing(context, day) for day in (first, last)}
    assert before == {first: {"1": "waiting_soon", "2": "waiting"}, last: {"1": "waiting", "2": "waiting"}}
    load(context, assignment(3, "2026-09-01", None))
    dry, changes = statuses.dry_run_day(context, middle, limit=1)
    assert ([one.engineer_id for one in changes], standing(context, middle)) == ([1], before[first])
    assert statuses.write_day(context, middle) == dry
    assert standing(context, middle) == {"1": "waiting", "2": "waiting_soon", "3": "working"}
    assert {day: standing(context, day) for day in (first, last)} == before
    assert rows(context, "SELECT status, status_day FROM engineers") == [("waiting", last)]


def test_forty_missed_days_are_caught_up_in_order(emptied: StaffingContext) -> None:
    made = worlds.world(Random(11), worlds.Size(engineers=40))
    loading.load(emptied, [line.encode() for line in made.lines])
    context, world = at(emptied, AFTER), oracle.read(made.lines)
    first = date(2026, 9, 1)
    statuses.write_day(context, first)
    missing = statuses.missing_days(context, first + timedelta(days=40))
    assert missing == [first + timedelta(days=number) for number in range(1, 41)]
    for day in missing:
        assert statuses.write_day(context, day).is_new
    everything = "SELECT c::text FROM status_changes AS c UNION ALL SELECT d::text FROM status_days AS d ORDER BY 1"
    written = rows(context, everything)
    assert sum(statuses.write_day(context, day).corrections for day in missing[-3:]) == 0, "nothing came meanwhile"
    assert rows(context, everything) == written
    assert statuses.missing_days(context, missing[-1]) == []
    for day in (first, *missing):
        known_at = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=7)
        told = {ids.encode(row["engineer_id"]): row["status"] for row in oracle.statuses(world, day, known_at)}
        assert standing(context, day) == told
        newest = {ids.encode(row["engineer_id"]): row["status"] for row in oracle.statuses(world, day, None)}
        assert standing(context, day) | corrections(context, day) == newest
    kept = rows(context, "SELECT count(*) FROM status_changes WHERE status IS NOT DISTINCT FROM previous")
    assert kept == [(0,)]


def test_a_day_is_not_written_before_its_time(emptied: StaffingContext) -> None:
    context = at(emptied, datetime(2026, 9, 9, 16, 59, 59, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="from 02:00 of that day on"):
        statuses.write_day(context, DAY)
    statuses.write_day(at(emptied, datetime(2026, 9, 9, 17, tzinfo=UTC)), DAY)


def test_a_kill_before_the_end_leaves_nothing(emptied: StaffingContext, monkeypatch: pytest.MonkeyPatch) -> None:
    context = at(emptied, AFTER)
    load(context, {"kind": "engineer", "engineer_id": 1, "company_id": 1})

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("batch_platform.staffing.store.statuses.Statuses.set_engineers_status", killed)
        with pytest.raises(KeyboardInterrupt):
            statuses.write_day(context, DAY)
    assert rows(context, "SELECT (SELECT count(*) FROM status_days) + (SELECT count(*) FROM status_changes)") == [
        (0,)
    ]
    statuses.write_day(context, DAY)
    assert rows(context, "SELECT status, status_day FROM engineers") == [("waiting", DAY)]
