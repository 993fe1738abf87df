"""When periodic approaches are due, and how missed ones are caught up with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import calc
from batch_platform.staffing.recurrence import Policy, Rule, catch_up, missed, next_occurrence, occurrences

DAILY = {"every": "day", "time": "09:00", "start_on": "2026-11-01"}
MONDAYS = {"every": "week", "weekday": 0, "time": "00:00", "start_on": "2026-11-01", "end_on": "2026-11-16"}
ENDS = {"every": "month", "day": 31, "time": "23:59", "start_on": "2024-01-31"}

NEXT = {
    "first": (DAILY, "2020-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
    "never-scheduled": (DAILY, None, "2026-11-01T00:00:00Z"),
    "strictly-after": (DAILY, "2026-11-05T09:00:00+09:00", "2026-11-06T00:00:00Z"),
    "a-second-before": (DAILY, "2026-11-04T23:59:59Z", "2026-11-05T00:00:00Z"),
    "any-offset": (DAILY, "2026-11-04T18:59:59.5-05:00", "2026-11-05T00:00:00Z"),
    "monday-begins-on-sunday-in-utc": (MONDAYS, "2026-11-01T12:00:00Z", "2026-11-01T15:00:00Z"),
    "on-the-last-day": (MONDAYS, "2026-11-08T15:00:00Z", "2026-11-15T15:00:00Z"),
    "ended": (MONDAYS, "2026-11-15T15:00:00Z", None),
    "leap-day": (ENDS, "2024-01-31T14:59:00Z", "2024-02-29T14:59:00Z"),
    "the-31st-again": (ENDS, "2024-02-29T14:59:00Z", "2024-03-31T14:59:00Z"),
    "shorter": (ENDS, "2025-01-31T14:59:00Z", "2025-02-28T14:59:00Z"),
    "new-year": (ENDS, "2026-12-31T14:59:00Z", "2027-01-31T14:59:00Z"),
    "the-29th": ({**ENDS, "day": 29}, "2025-02-01T00:00:00Z", "2025-02-28T14:59:00Z"),
    "ended-before-it-began": ({**DAILY, "end_on": "2026-10-31"}, "2020-01-01T00:00:00Z", None),
    "at-the-end-of-calendars": (DAILY, "2999-12-31T00:00:00Z", None),
}


@pytest.mark.parametrize("name", NEXT)
def test_next(name):
    rule, after, following = NEXT[name]
    assert calc.next_occurrence(1, {"rule": rule, "after": after}) == {"next": following}


NOW = "2026-11-04T10:00:00+09:00"
CATCH_UP = {
    "all": ("all", [], ["deliver"] * 4),
    "latest": ("latest", [], ["skip", "skip", "skip", "deliver"]),
    "skip-within-the-grace": ("skip", [], ["skip", "skip", "skip", "deliver"]),
    "done-in-between": ("all", ["2026-11-03T00:00:00Z", "2026-11-01T09:00:00+09:00"], ["deliver"] * 2),
    "the-newest-is-done": ("latest", ["2026-11-04T00:00:00Z"], ["skip", "skip", "deliver"]),
    "not-of-the-rule": ("latest", ["2026-11-09T00:00:00Z"], ["skip", "skip", "skip", "deliver"]),
}


@pytest.mark.parametrize("name", CATCH_UP)
def test_catching_up(name):
    policy, done, actions = CATCH_UP[name]
    answer = calc.catch_up(1, {"rule": DAILY, "done": done, "now": NOW, "policy": policy, "grace_minutes": 60})
    assert [each["action"] for each in answer["occurrences"]] == actions
    due = [f"2026-11-0{day}T00:00:00Z" for day in (1, 2, 3, 4)]
    skipped = {at.replace("09:00:00+09:00", "00:00:00Z") for at in done}
    assert [each["scheduled_for"] for each in answer["occurrences"]] == [at for at in due if at not in skipped]


def test_the_grace_is_inclusive_and_an_hour_where_none_is_given():
    line = {"rule": {**DAILY, "start_on": "2026-11-04"}, "done": [], "policy": "skip"}
    for now, action in (("2026-11-04T01:00:00Z", "deliver"), ("2026-11-04T01:00:01Z", "skip")):
        assert [each["action"] for each in calc.catch_up(1, {**line, "now": now})["occurrences"]] == [action]
    at_once = {**line, "now": "2026-11-04T00:00:00Z", "grace_minutes": 0}
    assert calc.catch_up(1, at_once)["occurrences"][0]["action"] == "deliver"


def test_nothing_is_due_after_the_end_however_late():
    line = {"rule": MONDAYS, "done": [], "now": "2027-01-01T00:00:00Z", "policy": "latest"}
    due = ["2026-11-01T15:00:00Z", "2026-11-08T15:00:00Z", "2026-11-15T15:00:00Z"]
    answer = calc.catch_up(1, line)["occurrences"]
    assert [(each["scheduled_for"], each["action"]) for each in answer] == [
        (at, "deliver" if at == due[-1] else "skip") for at in due
    ]


BAD = {
    "weekday": ({"every": "week", "time": "09:00", "start_on": "2026-11-01"}, "a rule of every week needs weekday"),
    "weekday-7": ({**MONDAYS, "weekday": 7}, "rule.weekday: Input should be less than or equal to 6"),
    "day": ({**ENDS, "day": None}, "a rule of every month needs day"),
    "time": ({**DAILY, "time": "24:00"}, "rule.time: a time is written HH:MM or HH:MM:SS"),
    "every": ({**DAILY, "every": "year"}, "rule.every: Input should be 'day', 'week' or 'month'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rule_names_its_field(name):
    rule, said = BAD[name]
    with pytest.raises(InvalidInput, match="line 9: rule") as failure:
        calc.next_occurrence(9, {"rule": rule, "after": NOW})
    assert said in str(failure.value)
    with pytest.raises(InvalidInput, match="line 9: after: must be a moment"):
        calc.next_occurrence(9, {"rule": DAILY, "after": "2026-11-01T00:00:00"})


days = st.dates(date(2023, 12, 1), date(2025, 3, 1))
rules = st.builds(
    Rule,
    every=st.sampled_from(["day", "week", "month"]),
    weekday=st.integers(0, 6),
    day=st.integers(1, 31),
    time=st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    start_on=days,
    end_on=st.none() | days,
)
moments = st.integers(0, 500 * 24 * 60).map(lambda m: datetime(2023, 11, 1, tzinfo=UTC) + timedelta(minutes=m))


@given(rule=rules, now=moments)
def test_each_day_of_a_rule_comes_once_and_in_order(rule, now):
    due = missed(rule, now)
    assert all(earlier < later for earlier, later in pairwise(due))
    expected = []
    day = rule.start_on
    while day <= min(rule.end_on or date.max, now.date() + timedelta(days=1)):
        ends_here = (day + timedelta(days=1)).month != day.month
        if {
            "day": True,
            "week": day.weekday() == rule.weekday,
            "month": day.day == rule.day or (ends_here and rule.day > day.day),
        }[rule.every]:
            expected.append(datetime.combine(day, rule.time, BUSINESS_ZONE))
        day += timedelta(days=1)
    assert due == [at for at in expected if at <= now]


@given(rule=rules, after=moments, until=moments)
def test_stepping_from_one_to_the_next_leaves_none_out(rule, after, until):
    def steps():
        at = after
        while (at := next_occurrence(rule, at)) is not None:
            yield at

    assert list(takewhile(lambda at: at <= until, steps())) == list(occurrences(rule, after, until))


@given(rule=rules, now=moments, kept=st.sets(st.integers(0, 40)), policy=st.sampled_from(Policy))
def test_catching_up_answers_for_every_missed_occurrence(rule, now, kept, policy):
    due = missed(rule, now)
    done = {at for index, at in enumerate(due) if index in kept}
    left = missed(rule, now, done)
    caught = catch_up(left, now, policy)
    assert {each.scheduled_for for each in caught} | done == set(due)
    assert not {each.scheduled_for for each in caught} & done
    assert missed(rule, now, due) == []
