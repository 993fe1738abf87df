"""Ids that sort by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from batch_platform.core.ids import uuid7


def test_the_example_of_the_rfc() -> None:
    at = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    bits = {12: 0xCC3, 62: 0x18C4DC0C0C07398F}
    assert uuid7(at, bits.__getitem__) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_ids_sort_by_time_and_differ() -> None:
    start = datetime(2026, 11, 20, 3, 0, 0, 1000, tzinfo=UTC)
    ids = [uuid7(start + timedelta(milliseconds=number)) for number in range(200)]
    assert ids == sorted(ids)
    assert len({uuid7(start) for _ in range(200)}) == 200
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, "specified in RFC 4122")}
