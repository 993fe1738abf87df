"""Deadlines read cron as the schedules do: one reader, compared with what the scheduler's daemon asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.remote_representation.external import RemoteSchedule
from dagster._vendored.croniter.croniter import CroniterBadDateError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from batch_platform import domains
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput
from batch_platform.resources.cron import cron_fault, due_after


@dg.job
def nothing() -> None:
    pass


def scheduled(cron: str, moment: datetime, count: int) -> list[datetime]:
    """The ticks after `moment` as the daemon finds them for a schedule of this cron."""
    schedule = dg.ScheduleDefinition(job=nothing, cron_schedule=cron, execution_timezone=BUSINESS_ZONE.key)
    remote = SimpleNamespace(cron_schedule=schedule.cron_schedule, execution_timezone=schedule.execution_timezone)
    ticks = RemoteSchedule.execution_time_iterator(cast(Any, remote), moment.timestamp())
    return list(islice((tick for tick in ticks if tick > moment), count))


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str)
    step = st.integers(1, max(high // 2, 1))
    span = st.builds("{}-{}".format, number, number)
    part = st.one_of(number, span, st.builds("{}/{}".format, span, step), *([st.sampled_from(more)] if more else []))
    return st.one_of(
        st.just("*"), st.builds("*/{}".format, step), part, st.lists(part, min_size=2, max_size=3).map(",".join)
    )


WEEKDAYS = ("mon", "FRI", "sun-tue", "fri-mon", "1#2", "mon#1", "L5", "7")
CRONS = st.one_of(
    st.sampled_from(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"]),
    st.builds(
        " ".join,
        st.tuples(
            field(0, 59),
            field(0, 23),
            field(1, 31, "l"),
            field(1, 12, "jan", "OCT", "nov-feb"),
            field(0, 7, *WEEKDAYS),
        ),
    ),
)
MOMENTS = st.integers(1_704_067_200, 1_924_991_999).map(lambda second: datetime.fromtimestamp(second, UTC))


@settings(max_examples=150, deadline=None)
@given(CRONS, MOMENTS)
def test_deadlines_mean_the_moments_of_the_schedule(cron: str, moment: datetime) -> None:
    assume(cron_fault(cron, BUSINESS_ZONE) is None)
    expected = scheduled(cron, moment, 5)
    assert list(islice(due_after(cron, moment, BUSINESS_ZONE), 5)) == expected
    # from any moment between, and from a tick itself, on: the same calendar
    between = expected[2] - timedelta(microseconds=1)
    assert list(islice(due_after(cron, between, BUSINESS_ZONE), 3)) == expected[2:]
    assert list(islice(due_after(cron, expected[2], BUSINESS_ZONE), 2)) == expected[3:]


@settings(max_examples=150, deadline=None)
@given(CRONS)
def test_what_settings_take_a_schedule_takes(cron: str) -> None:
    fault = cron_fault(cron, BUSINESS_ZONE)
    try:
        ticks = scheduled(cron, datetime(2026, 11, 1, tzinfo=UTC), 1)
    except (dg.DagsterInvalidDefinitionError, CroniterBadDateError):
        ticks = []
    assert (fault is None) == bool(ticks)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("@daily", ["2026-11-02 00:00", "2026-11-03 00:00"]),
        ("0 22-2 * * *", ["2026-11-01 22:00", "2026-11-01 23:00", "2026-11-02 00:00", "2026-11-02 01:00"]),
        # every other day of the month, and every Monday
        ("0 9 */2 * 1", ["2026-11-02 09:00", "2026-11-03 09:00", "2026-11-05 09:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 18 l * *", ["2026-11-30 18:00", "2026-12-31 18:00", "2027-01-31 18:00", "2027-02-28 18:00"]),
    ],
)
def test_calendars_by_hand(cron: str, expected: list[str]) -> None:
    after = datetime(2026, 11, 1, 1, tzinfo=UTC)  # a Sunday, 10:00 in Tokyo
    found = islice(due_after(cron, after, BUSINESS_ZONE), len(expected))
    assert [f"{due.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M}" for due in found] == expected


NONE_TO_SCHEDULES = [
    *("every hour", " ", "@reboot", "@", "60 * * * *", "0 0 * * * *", "* * * *", "H H * * *", "*/0 * * * *"),
    *("1_0 * * * *", "0 0 31 2 *"),
]


@pytest.mark.parametrize(
    ("cron", "fault"),
    [
        *((cron, "not a cron expression of schedules") for cron in NONE_TO_SCHEDULES),
        ("0 0 31 4,6 *", "without a day"),
        ("0 0 30,31 2 *", "without a day"),
        ("R R * * *", "random"),
        ("0,r(5-9) 3 * * *", "not a cron|random"),
    ],
)
@pytest.mark.parametrize("variable", ["CUR_FETCH_CRON", "CUR_AGGREGATE_CRON", "BTC_ADJUSTMENT_CRON"])
def test_what_no_schedule_reads_is_refused_by_the_settings_name(
    clean_environment: None, monkeypatch: pytest.MonkeyPatch, variable: str, cron: str, fault: str
) -> None:
    monkeypatch.setenv(variable, cron)
    monkeypatch.setenv("BTC_ADJUSTMENT_RATE", "5")
    with pytest.raises(InvalidInput, match=f"^{variable}: .*({fault})") as refused:
        domains.load_settings()
    assert (refused.value.exit_code, refused.value.field) == (2, variable)
    with pytest.raises(InvalidInput, match=r"is (not )?a .*cron expression"):
        due_after(cron, datetime.now(UTC), BUSINESS_ZONE)
