"""Numbers keep every digit, times are Japan's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from batch_platform.web import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1234567.8900000000"), "1,234,567.8900000000"),
        (Decimal("-0.0000000001"), "-0.0000000001"),
        (Decimal("0E-10"), "0.0000000000"),
        (Decimal("1E+6"), "1,000,000"),
        (
            "12345678901234567890123456789012345678.123456789012",
            "12,345,678,901,234,567,890,123,456,789,012,345,678.123456789012",
        ),
        (-1000, "-1,000"),
        (0, "0"),
        (None, "–"),
    ],
)
def test_every_digit_is_kept(value: Decimal | int | str | None, text: str) -> None:
    assert formats.grouped(value) == text


@pytest.mark.parametrize("value", [1.5, True])
def test_inexact_numbers_are_refused(value: float) -> None:
    with pytest.raises(TypeError, match="not an exact number"):
        formats.grouped(value)  # type: ignore[arg-type]


def test_times_are_japans() -> None:
    moment = datetime(2026, 9, 30, 15, 0, 9, 500_000, tzinfo=UTC)
    assert formats.in_japan(moment) == "2026-10-01 00:00"
    assert formats.in_japan(moment, seconds=True) == "2026-10-01 00:00:09"
    assert formats.instant(moment.astimezone()) == "2026-09-30T15:00:09Z"


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        formats.in_japan(datetime(2026, 10, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0:00"),
        (timedelta(seconds=59.6), "1:00"),
        (3_599, "59:59"),
        (timedelta(hours=3, seconds=10), "3:00:10"),
        (timedelta(days=2, hours=4), "2d 4:00:00"),
        (timedelta(seconds=-65), "-1:05"),
        (None, "–"),
    ],
)
def test_durations(length: timedelta | int | None, text: str) -> None:
    assert formats.duration(length) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (1_572_864, "1.5 MiB"),
        (5 * 1024**4, "5.0 TiB"),
        (None, "–"),
    ],
)
def test_sizes(count: int | None, text: str) -> None:
    assert formats.size(count) == text
