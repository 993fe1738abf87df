"""Moments as they are written, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from batch_platform.core.json_lines import Day
from batch_platform.trading.instants import day_start, instant_text, parse_instant


def test_a_moment_reads_back():
    at = datetime(2026, 11, 9, 23, 59, 59, tzinfo=UTC)
    assert parse_instant("2026-11-09T23:59:59Z") == at
    assert parse_instant("2026-11-09T23:59:59Z").tzinfo is UTC
    assert instant_text(at) == "2026-11-09T23:59:59Z"
    assert instant_text(at.astimezone(timezone(timedelta(hours=9)))) == "2026-11-09T23:59:59Z"
    assert day_start(date(2026, 11, 9)) == datetime(2026, 11, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-09",
        "2026-11-09T00:00:00",
        "2026-11-09T00:00:00+00:00",
        "2026-11-09T00:00:00.5Z",
        "2026-11-09 00:00:00Z",
        "2026-11-09T00:00:00z",
        "2026-11-09T00:00:00Z\n",
        "2026-11-31T00:00:00Z",
        "2026-11-09T24:00:00Z",
        "2026-11-09T23:59:60Z",
        "２026-11-09T00:00:00Z",
        "0001-01-01T00:00:00Z",
        1_762_646_400,
        None,
    ],
    ids=repr,
)
def test_other_writings_are_refused(text):
    with pytest.raises(ValueError, match="YYYY-MM-DDTHH:MM:SSZ"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["20261109", "2026-W46-1", "2026-11-31", "2026-11-09T00:00:00Z", 20261109])
def test_a_day_is_written_in_one_way(text):
    with pytest.raises(ValidationError, match="YYYY-MM-DD"):
        TypeAdapter(Day).validate_python(text)
