"""The states of a batch, and the counters that must add up at every moment."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.btc.model import REVERSIBLE, TERMINAL, TRANSITIONS, Batch, BatchStatus, check
from batch_platform.core.failures import Conflict

S = BatchStatus
ALLOWED = {
    *((S.PENDING, to) for to in (S.PLANNED, S.CANCELLED, S.FAILED)),
    *((S.PLANNED, to) for to in (S.PROCESSING, S.CANCELLED)),
    *((S.PROCESSING, to) for to in (S.COMPLETED, S.COMPLETED_WITH_FAILURES, S.FAILED)),
    (S.FAILED, S.PROCESSING),
}
counts = st.integers(0, 10**7)


def batch(**values) -> Batch:
    values = {"status": S.PENDING, **values}
    return Batch("b", Decimal(5), created_by="admin", created_at=datetime(2026, 1, 1, tzinfo=UTC), **values)


@pytest.mark.parametrize("status", list(BatchStatus))
@pytest.mark.parametrize("to", list(BatchStatus))
def test_a_batch_moves_only_forward(status, to):
    if (status, to) in ALLOWED:
        check(status, to)
        return
    with pytest.raises(Conflict, match=f"{status} cannot become {to}") as refused:
        check(status, to)
    assert refused.value.field == "status"


def test_the_ends_are_those_nothing_leaves():
    assert {status for status, ways in TRANSITIONS.items() if not ways} == TERMINAL
    assert TERMINAL - {S.CANCELLED} == REVERSIBLE
    assert set(TRANSITIONS) == set(BatchStatus)


@given(counts, counts, counts, counts, counts)
def test_every_target_is_in_one_state(applied, skipped, failed, pending, excluded):
    counters = batch(
        target_user_count=applied + skipped + failed + pending,
        processed_user_count=applied,
        skipped_zero_count=skipped,
        failed_user_count=failed,
        excluded_count=excluded,
    ).counters
    assert counters == (applied + skipped + failed + pending, applied, skipped, failed, pending, excluded)
    assert counters.hold
    assert not counters._replace(target=counters.target + 1).hold


def test_more_rows_than_targets_do_not_hold():
    assert not batch(target_user_count=2, processed_user_count=2, failed_user_count=1).counters.hold


@pytest.mark.parametrize(
    ("status", "sealed", "is_open"),
    [
        (S.PENDING, False, True),
        (S.PLANNED, True, True),
        (S.PROCESSING, True, True),
        (S.FAILED, True, True),
        (S.FAILED, False, False),
        (S.COMPLETED, True, False),
        (S.COMPLETED_WITH_FAILURES, True, False),
        (S.CANCELLED, True, False),
    ],
)
def test_a_batch_is_open_until_nothing_of_it_can_still_be_written(status, sealed, is_open):
    assert batch(status=status, plan_sha256="0" * 64 if sealed else None).is_open is is_open
