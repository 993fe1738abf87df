"""The apply: what was changed by hand, what must wait, what is undone, what time does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Status
from batch_platform_tests.zengin.service_fixtures import context, work
from batch_platform_tests.zengin.workflow import ANN, BEN, CAT, SMALL, Work, release

__all__ = ["context", "work"]

CHANGED = SMALL | {"0001-001": "東京", "0005-002": "大手町"}


def by_hand(pool: postgres.Pool, statement: str) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute(statement.encode())


def test_a_row_changed_by_hand_stays_and_the_rest_is_applied(work: Work, pool: postgres.Pool) -> None:
    work.load(SMALL)
    changeset = work.propose(release(CHANGED)).changeset
    work.approve(changeset)
    by_hand(pool, "UPDATE zengin.branches SET branch_name = '手' WHERE bank_code = '0001' AND branch_code = '001'")
    done = work.apply()
    assert done is not None
    assert (done.applied, done.conflicts, done.conflict_keys) == (1, 1, ("0001-001",))
    assert (work.names()["0001-001"], work.names()["0005-002"]) == ("手", "大手町")
    record = work.records(changeset)["0001-001"]
    assert record.status is Status.FAILED
    assert record.error is not None
    assert "changed after" in record.error
    assert work.now(changeset).status is ChangesetStatus.PARTIALLY_APPLIED
    by_hand(
        pool, "UPDATE zengin.branches SET branch_name = '東京営業部' WHERE bank_code = '0001' AND branch_code = '001'"
    )
    service.retry(work.context, [record.id], by=ANN)
    work.apply()
    assert work.names() == CHANGED
    assert work.now(changeset).status is ChangesetStatus.APPLIED


def test_a_change_waits_for_its_announced_day(work: Work) -> None:
    work.load(SMALL)
    changeset = work.propose(release(CHANGED)).changeset
    announced = work.day + timedelta(days=3)
    record = work.records(changeset)["0001-001"]
    service.approve(work.context, [record.id], by=ANN, not_before=announced)
    assert work.apply() is None
    work.clock.pass_by(timedelta(days=2))
    assert work.apply() is None
    work.clock.pass_by(timedelta(days=1))
    assert work.apply() is not None
    assert work.names()["0001-001"] == "東京"


def test_branches_wait_for_their_bank_and_banks_for_their_branches(work: Work) -> None:
    """Approved one by one, in the worst order: no foreign key is ever violated (fact 3)."""
    work.load(SMALL)
    new = {key: name for key, name in SMALL.items() if not key.startswith("0009")}
    changeset = work.propose(release(new | {"0033": "新銀行", "0033-001": "本店"})).changeset
    records = work.records(changeset)
    service.approve(work.context, [records["0033-001"].id], by=ANN)
    for account in (ANN, BEN):
        service.approve(work.context, [records["0009"].id], by=account)
    done = work.apply()
    assert done is not None
    assert (done.applied, done.waiting) == (0, 2)
    assert work.names() == SMALL
    assert service.record(work.context, records["0009"].id).status is Status.APPROVED
    service.approve(work.context, [records["0033"].id, records["0009-001"].id], by=ANN)
    work.apply()
    assert work.names() == new | {"0033": "新銀行", "0033-001": "本店"}


def test_a_dry_run_counts_and_changes_nothing(work: Work) -> None:
    work.load(SMALL)
    changeset = work.propose(release(CHANGED)).changeset
    work.approve(changeset)
    rehearsed = work.apply(dry_run=True)
    assert rehearsed is not None
    assert (rehearsed.applied, rehearsed.counts) == (2, {"branches.update": 2})
    assert work.names() == SMALL
    assert {record.status for record in work.records(changeset).values()} == {Status.APPROVED}


def test_a_changeset_is_undone_by_one_that_is_approved_itself(work: Work) -> None:
    work.load(SMALL)
    gone = {key: name for key, name in CHANGED.items() if not key.startswith("0009")}
    changeset = work.follow(release(gone))
    inverse = service.rollback(work.context, changeset.id, by=ANN)
    assert service.rollback(work.context, changeset.id, by=BEN) == inverse
    assert (inverse.inverse_of, inverse.counts["rows"]) == (changeset.id, changeset.counts["rows"])
    work.apply()
    assert work.names() == gone
    work.approve(inverse)
    work.apply()
    assert work.names() == SMALL
    assert work.now(changeset).status is ChangesetStatus.REVERSED
    with pytest.raises(Conflict):
        service.rollback(work.context, work.propose(release(SMALL)).changeset.id, by=ANN)


def test_an_undoing_outlives_the_next_release(work: Work) -> None:
    work.load(SMALL)
    changeset = work.follow(release(CHANGED))
    inverse = service.rollback(work.context, changeset.id, by=BEN)
    work.propose(release(CHANGED | {"0009-001": "本店"}))
    work.approve(inverse)
    work.apply()
    assert work.names()["0001-001"] == SMALL["0001-001"]


def test_whoever_proposes_an_undoing_is_not_its_only_approver(work: Work) -> None:
    """As a whole or record by record, first or last, by a token of their name: somebody else has to agree."""
    work.load(SMALL)
    changeset = work.follow(release(CHANGED))
    inverse = service.rollback(work.context, changeset.id, by=ANN)
    assert (inverse.proposed_by, inverse.needs_approvals) == (ANN, 1)
    first, second = work.records(inverse).values()
    alone = service.approve(work.context, [first.id], by=ANN)
    assert (alone.records[0].status, alone.waiting) == (Status.PENDING, (first.id,))
    with pytest.raises(Conflict, match="has approved"):
        service.approve(work.context, [first.id], by=ANN)
    with pytest.raises(Conflict, match="has approved"):
        service.approve(work.context, [first.id], by="token:Ann")
    assert service.approve(work.context, [second.id], by="token:ann").waiting == (second.id,)
    with pytest.raises(Conflict, match="has approved"):
        work.approve(inverse, ANN)
    assert work.apply() is None
    assert service.approve(work.context, [second.id], by=BEN).records[0].status is Status.APPROVED
    service.revoke(work.context, [second.id], by=ANN)
    assert service.approve(work.context, [second.id], by=ANN).waiting == (second.id,)
    done = work.approve(inverse, BEN)
    assert (done.moved, done.waiting) == (2, 0)
    work.apply()
    assert work.names() == SMALL


def test_another_approver_alone_is_enough_where_one_was(work: Work) -> None:
    work.load(SMALL)
    changeset = work.follow(release(CHANGED))
    inverse = service.rollback(work.context, changeset.id, by=ANN)
    assert service.rollback(work.context, changeset.id, by=BEN).proposed_by == ANN
    assert work.approve(inverse, BEN).waiting == 0


def test_an_undoing_needs_as_many_as_what_it_undoes(work: Work) -> None:
    """A bank's deletion takes two; adding it again would take one. So it goes for the undoing of the undoing."""
    work.load(SMALL)
    closing = work.follow(release({key: name for key, name in SMALL.items() if not key.startswith("0009")}))
    assert closing.needs_approvals == 2
    inverse = service.rollback(work.context, closing.id, by=ANN)
    assert (inverse.counts["banks.addition"], inverse.needs_approvals) == (1, 2)
    bank = work.records(inverse)["0009"]
    assert service.approve(work.context, [bank.id], by=BEN).waiting == (bank.id,)
    assert service.approve(work.context, [bank.id], by=CAT).waiting == ()
    work.approve(inverse, ANN, BEN)
    work.apply()
    again = service.rollback(work.context, inverse.id, by=BEN)
    assert (again.inverse_of, again.needs_approvals) == (inverse.id, 2)


def test_an_undoing_needs_as_many_as_its_original_had(work: Work) -> None:
    """Two accounts agreed on one record, though one would have been enough; so did two on a hold."""
    work.load(SMALL)
    careful = work.limited(two_person_rows=1)
    changeset = careful.propose(release(CHANGED)).changeset
    assert changeset.needs_approvals == 2
    work.approve(changeset, ANN, BEN)
    work.apply()
    assert service.rollback(work.context, changeset.id, by=ANN, dry_run=True).needs_approvals == 2
    held = work.limited(branch_updates_percent=0).propose(release(SMALL)).changeset
    assert held.hold_reason is not None
    for account in (ANN, BEN):
        service.override(work.context, held.id, by=account)
    raised = work.now(held)
    assert raised.needs_approvals == 1
    work.approve(raised, ANN)
    work.apply()
    assert service.rollback(work.context, held.id, by=ANN).needs_approvals == 2


def test_nobody_decides_in_time(work: Work) -> None:
    work.load(SMALL)
    changeset = work.propose(release(CHANGED)).changeset
    assert service.digest(work.context).pending == 2
    work.clock.pass_by(timedelta(days=91))
    assert service.sweep(work.context, dry_run=True).expired == 2
    assert service.sweep(work.context).expired == 2
    assert service.sweep(work.context).expired == 0
    assert {record.status for record in work.records(changeset).values()} == {Status.EXPIRED}
    assert service.digest(work.context).pending == 0


def test_history_is_kept_for_a_year(work: Work) -> None:
    work.load(SMALL)
    work.clock.pass_by(timedelta(days=366))
    work.follow(release(CHANGED))
    assert service.purge(work.context, dry_run=True) == len(SMALL)
    assert service.purge(work.context) == len(SMALL)
    assert len(work.history()) == 2
    assert work.names() == CHANGED


def test_an_apply_that_never_ended_is_given_back_or_finished(work: Work) -> None:
    """A lease that ran out: what history holds is completed, the rest is approved again."""
    work.load(SMALL)
    changeset = work.propose(release(CHANGED)).changeset
    work.approve(changeset)
    records = list(work.records(changeset).values())
    until = work.context.clock() + timedelta(seconds=5)
    work.context.records.move_many(records, Status.EXECUTING, now=work.context.clock(), fields={"lease_until": until})
    assert service.sweep(work.context).given_back == 0
    work.clock.pass_by(timedelta(seconds=10))
    assert service.sweep(work.context).given_back == 2
    assert {record.status for record in work.records(changeset).values()} == {Status.APPROVED}
    work.apply()
    assert work.names() == CHANGED
