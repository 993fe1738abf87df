"""The states of records and changesets: who may go where."""

from __future__ import annotations

from itertools import product

import pytest

from batch_platform.core.failures import Conflict
from batch_platform.zengin.model import (
    CHANGESET_TRANSITIONS,
    OPEN,
    TERMINAL,
    TRANSITIONS,
    ChangesetStatus,
    DiffType,
    Limits,
    Status,
    Table,
    check,
    check_changeset,
)

ALLOWED = {
    *(("pending", to) for to in ("approved", "rejected", "expired")),
    *(("approved", to) for to in ("executing", "pending", "expired")),
    *(("executing", to) for to in ("completed", "failed", "approved")),
    *(("failed", to) for to in ("approved", "expired")),
}


@pytest.mark.parametrize(("one", "to"), list(product(Status, Status)))
def test_states_of_records(one: Status, to: Status):
    if (one, to) in ALLOWED:
        check(one, to)
    else:
        with pytest.raises(Conflict, match=f"{one} cannot become {to}"):
            check(one, to)


def test_what_ends_a_record_lets_nothing_follow():
    assert {one for one, targets in TRANSITIONS.items() if not targets} == TERMINAL
    assert set(Status) == OPEN | TERMINAL
    assert OPEN.isdisjoint(TERMINAL)


def test_states_of_changesets():
    assert set(CHANGESET_TRANSITIONS) == set(ChangesetStatus)
    check_changeset(ChangesetStatus.HELD, ChangesetStatus.PENDING)
    check_changeset(ChangesetStatus.PENDING, ChangesetStatus.PARTIALLY_APPLIED)
    for one, to in (("held", "approved"), ("rejected", "pending"), ("applied", "pending"), ("reversed", "applied")):
        with pytest.raises(Conflict):
            check_changeset(ChangesetStatus(one), ChangesetStatus(to))


def test_the_documented_thresholds():
    """Fact 10."""
    limits = Limits()
    found = {
        (table, kind): limits.percent(table, kind)
        for table in Table
        for kind in (DiffType.ADDITION, DiffType.UPDATE, DiffType.DELETION)
    }
    assert found == {
        ("banks", "addition"): 3,
        ("banks", "update"): 5,
        ("banks", "deletion"): 3,
        ("branches", "addition"): 2,
        ("branches", "update"): 2,
        ("branches", "deletion"): 2,
    }
