"""The status of an engineer on a day: worked cases, and the chain against days marked one by one."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.staffing.instants import parse_instant
from batch_platform.staffing.proving import oracle, worlds
from batch_platform.staffing.statuses import Assignment, Hold, Reason, State, Status, chain_end, status_on

DAY = date(2026, 11, 1)


def on(offset: int | None) -> date | None:
    return None if offset is None else DAY + timedelta(days=offset)


def work(start: int, planned: int | None, actual: int | None = None, state: State = State.CONFIRMED) -> Assignment:
    first = on(start)
    assert first is not None
    return Assignment(first, on(planned), on(actual), state)


WAITING = Status("waiting", Reason.NONE, None)
WORKING = Status("working", Reason.WORKING, None)
CASES = {
    "nothing": ([], WAITING),
    "not-yet": ([work(1, 200)], WAITING),
    "ended-yesterday": ([work(-9, -1)], WAITING),
    "last-day": ([work(-9, 0)], Status("waiting_soon", Reason.SOON, on(0))),
    "90-days": ([work(0, 90)], Status("waiting_soon", Reason.SOON, on(90))),
    "91-days": ([work(0, 91)], Status("working", Reason.WORKING, on(91))),
    "open": ([work(-9, None)], WORKING),
    "actual-end-counts": ([work(-99, 200, 5)], Status("waiting_soon", Reason.SOON, on(5))),
    "worked-longer-than-planned": ([work(-99, -5, 99)], Status("working", Reason.WORKING, on(99))),
    "left-before-it-began": ([work(-5, 200, -6), work(-5, 3)], Status("waiting_soon", Reason.SOON, on(3))),
    "touching": ([work(41, 100), work(-9, 40)], Status("working", Reason.WORKING, on(100))),
    "a-day-between": ([work(42, 100), work(-9, 40)], Status("waiting_soon", Reason.SOON, on(40))),
    "overlapping": ([work(-9, 40), work(-5, 95), work(-1, 10)], Status("working", Reason.WORKING, on(95))),
    "chain-of-three": ([work(-9, 0), work(1, 20), work(15, None)], WORKING),
    "tentative-is-no-link": (
        [work(-9, 10), work(11, None, state=State.TENTATIVE)],
        Status("waiting_soon", Reason.SOON, on(10)),
    ),
    "cancelled": ([work(-9, None, state=State.CANCELLED)], WAITING),
    "one-day": ([work(0, 0)], Status("waiting_soon", Reason.SOON, on(0))),
}


@pytest.mark.parametrize("name", CASES)
def test_a_status_follows_from_assignments(name):
    assignments, status = CASES[name]
    assert status_on(DAY, assignments) == status
    assert status_on(DAY, reversed(assignments)) == status


def test_a_hold_in_force_comes_first_and_the_latest_of_several():
    leave, sick = Hold("leave", DAY - timedelta(days=9), DAY), Hold("sick", DAY - timedelta(days=1), None)
    assert status_on(DAY, [work(-9, None)], [leave]) == Status("leave", Reason.HOLD, DAY)
    assert status_on(DAY, [], [sick, leave]) == Status("sick", Reason.HOLD, None)
    assert status_on(DAY + timedelta(days=1), [work(-9, None)], [leave]) == WORKING
    assert status_on(DAY - timedelta(days=10), [], [leave, sick]) == WAITING


spans = st.tuples(st.integers(-12, 12), st.integers(-2, 6))


@given(st.lists(spans, max_size=8))
def test_a_chain_ends_before_its_first_free_day(spans):
    chosen = [work(start, start + length) for start, length in spans]
    busy = {start + passed for start, length in spans for passed in range(length + 1)}
    expected = next(day for day in range(99) if day not in busy) - 1
    assert chain_end(DAY, chosen) == (None if 0 not in busy else on(expected))


@pytest.mark.parametrize("seed", range(3))
def test_a_status_is_the_same_to_the_oracle(seed):
    made = worlds.world(Random(f"statuses {seed}"), worlds.Size(engineers=60))
    lines = [json.loads(text) for text in made.lines]
    newest: dict[Any, dict[str, Any]] = {}
    for line in sorted(of(lines, "assignment"), key=lambda each: parse_instant(each["recorded_at"])):
        newest[line["assignment_id"]] = line
    assignments: defaultdict[Any, list[Assignment]] = defaultdict(list)
    for line in newest.values():
        days = (day_of(line, name) for name in ("start", "planned_end", "actual_end"))
        assignments[line["engineer_id"]].append(Assignment(*days, State(line["state"])))
    holds: defaultdict[Any, set[Hold]] = defaultdict(set)
    for line in of(lines, "status_hold"):
        holds[line["engineer_id"]].add(Hold(line["status"], day_of(line, "valid_from"), day_of(line, "valid_to")))
    for passed in range(0, 90, 7):
        day = date(2026, 8, 20) + timedelta(days=passed)
        for theirs in oracle.statuses(oracle.read(made.lines), day, None):
            engineer = theirs["engineer_id"]
            ours = status_on(day, assignments[engineer], holds[engineer])
            until = ours.until and ours.until.isoformat()
            assert {**theirs, "status": ours.status, "reason": ours.reason.value, "until": until} == theirs


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["kind"] == kind]


def day_of(line: dict[str, Any], name: str) -> Any:
    return line.get(name) and date.fromisoformat(line[name])
