"""The apply: what was changed by hand, what must wait, what is undone, what time does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Status
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workflow import ANN, BEN, CAT, SMALL, Workflow, release

__all__ = ["context", "workflow"]

CHANGED = SMALL | {"0001-001": "東京", "0005-002": "大手町"}


def by_hand(pool: postgres.Pool, statement: str) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute(statement.encode())


def test_a_row_changed_by_hand_stays_and_the_rest_is_applied(workflow: Workflow, pool: postgres.Pool) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    workflow.approve(changeset)
    by_hand(pool, "UPDATE zengin.branches SET branch_name = '手' WHERE bank_code = '0001' AND branch_code = '001'")
    done = workflow.apply()
    assert done is not None
    assert (done.applied, done.conflicts, done.conflict_keys) == (1, 1, ("0001-001",))
    assert (workflow.names()["0001-001"], workflow.names()["0005-002"]) == ("手", "大手町")
    record = workflow.records(changeset)["0001-001"]
    assert record.status is Status.FAILED
    assert record.error is not None
    assert "changed after" in record.error
    assert workflow.now(changeset).status is ChangesetStatus.PARTIALLY_APPLIED
    by_hand(
        pool, "UPDATE zengin.branches SET branch_name = '東京営業部' WHERE bank_code = '0001' AND branch_code = '001'"
    )
    service.retry(workflow.context, [record.id], by=ANN)
    workflow.apply()
    assert workflow.names() == CHANGED
    assert workflow.now(changeset).status is ChangesetStatus.APPLIED


def test_a_change_waits_for_its_announced_day(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    announced = workflow.day + timedelta(days=3)
    record = workflow.records(changeset)["0001-001"]
    service.approve(workflow.context, [record.id], by=ANN, not_before=announced)
    assert workflow.apply() is None
    workflow.clock.pass_by(timedelta(days=2))
    assert workflow.apply() is None
    workflow.clock.pass_by(timedelta(days=1))
    assert workflow.apply() is not None
    assert workflow.names()["0001-001"] == "東京"


def test_branches_wait_for_their_bank_and_banks_for_their_branches(workflow: Workflow) -> None:
    """Approved one by one, in the worst order: no foreign key is ever violated (fact 3)."""
    workflow.load(SMALL)
    new = {key: name for key, name in SMALL.items() if not key.startswith("0009")}
    changeset = workflow.propose(release(new | {"0033": "新銀行", "0033-001": "本店"})).changeset
    records = workflow.records(changeset)
    service.approve(workflow.context, [records["0033-001"].id], by=ANN)
    for account in (ANN, BEN):
        service.approve(workflow.context, [records["0009"].id], by=account)
    done = workflow.apply()
    assert done is not None
    assert (done.applied, done.waiting) == (0, 2)
    assert workflow.names() == SMALL
    assert service.record(workflow.context, records["0009"].id).status is Status.APPROVED
    service.approve(workflow.context, [records["0033"].id, records["0009-001"].id], by=ANN)
    workflow.apply()
    assert workflow.names() == new | {"0033": "新銀行", "0033-001": "本店"}


def test_a_dry_run_counts_and_changes_nothing(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    workflow.approve(changeset)
    rehearsed = workflow.apply(dry_run=True)
    assert rehearsed is not None
    assert (rehearsed.applied, rehearsed.counts) == (2, {"branches.update": 2})
    assert workflow.names() == SMALL
    assert {record.status for record in workflow.records(changeset).values()} == {Status.APPROVED}


def test_a_changeset_is_undone_by_one_that_is_approved_itself(workflow: Workflow) -> None:
    workflow.load(SMALL)
    gone = {key: name for key, name in CHANGED.items() if not key.startswith("0009")}
    changeset = workflow.follow(release(gone))
    inverse = service.rollback(workflow.context, changeset.id, by=ANN)
    assert service.rollback(workflow.context, changeset.id, by=BEN) == inverse
    assert (inverse.inverse_of, inverse.counts["rows"]) == (changeset.id, changeset.counts["rows"])
    workflow.apply()
    assert workflow.names() == gone
    workflow.approve(inverse)
    workflow.apply()
    assert workflow.names() == SMALL
    assert workflow.now(changeset).status is ChangesetStatus.REVERSED
    with pytest.raises(Conflict):
        service.rollback(workflow.context, workflow.propose(release(SMALL)).changeset.id, by=ANN)


def test_an_undoing_outlives_the_next_release(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.follow(release(CHANGED))
    inverse = service.rollback(workflow.context, changeset.id, by=BEN)
    workflow.propose(release(CHANGED | {"0009-001": "本店"}))
    workflow.approve(inverse)
    workflow.apply()
    assert workflow.names()["0001-001"] == SMALL["0001-001"]


def test_whoever_proposes_an_undoing_is_not_its_only_approver(workflow: Workflow) -> None:
    """As a whole or record by record, first or last, by a token of their name: somebody else has to agree."""
    workflow.load(SMALL)
    changeset = workflow.follow(release(CHANGED))
    inverse = service.rollback(workflow.context, changeset.id, by=ANN)
    assert (inverse.proposed_by, inverse.needs_approvals) == (ANN, 1)
    first, second = workflow.records(inverse).values()
    alone = service.approve(workflow.context, [first.id], by=ANN)
    assert (alone.records[0].status, alone.waiting) == (Status.PENDING, (first.id,))
    with pytest.raises(Conflict, match="has approved"):
        service.approve(workflow.context, [first.id], by=ANN)
    with pytest.raises(Conflict, match="has approved"):
        service.approve(workflow.context, [first.id], by="token:Ann")
    assert service.approve(workflow.context, [second.id], by="token:ann").waiting == (second.id,)
    with pytest.raises(Conflict, match="has approved"):
        workflow.approve(inverse, ANN)
    assert workflow.apply() is None
    assert service.approve(workflow.context, [second.id], by=BEN).records[0].status is Status.APPROVED
    service.revoke(workflow.context, [second.id], by=ANN)
    assert service.approve(workflow.context, [second.id], by=ANN).waiting == (second.id,)
    done = workflow.approve(inverse, BEN)
    assert (done.moved, done.waiting) == (2, 0)
    workflow.apply()
    assert workflow.names() == SMALL


def test_another_approver_alone_is_enough_where_one_was(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.follow(release(CHANGED))
    inverse = service.rollback(workflow.context, changeset.id, by=ANN)
    assert service.rollback(workflow.context, changeset.id, by=BEN).proposed_by == ANN
    assert workflow.approve(inverse, BEN).waiting == 0


def test_an_undoing_needs_as_many_as_what_it_undoes(workflow: Workflow) -> None:
    """A bank's deletion takes two; adding it again would take one. So it goes for the undoing of the undoing."""
    workflow.load(SMALL)
    closing = workflow.follow(release({key: name for key, name in SMALL.items() if not key.startswith("0009")}))
    assert closing.needs_approvals == 2
    inverse = service.rollback(workflow.context, closing.id, by=ANN)
    assert (inverse.counts["banks.addition"], inverse.needs_approvals) == (1, 2)
    bank = workflow.records(inverse)["0009"]
    assert service.approve(workflow.context, [bank.id], by=BEN).waiting == (bank.id,)
    assert service.approve(workflow.context, [bank.id], by=CAT).waiting == ()
    workflow.approve(inverse, ANN, BEN)
    workflow.apply()
    again = service.rollback(workflow.context, inverse.id, by=BEN)
    assert (again.inverse_of, again.needs_approvals) == (inverse.id, 2)


def test_an_undoing_needs_as_many_as_its_original_had(workflow: Workflow) -> None:
    """Two accounts agreed on one record, though one would have been enough; so did two on a hold."""
    workflow.load(SMALL)
    careful = workflow.limited(two_person_rows=1)
    changeset = careful.propose(release(CHANGED)).changeset
    assert changeset.needs_approvals == 2
    workflow.approve(changeset, ANN, BEN)
    workflow.apply()
    assert service.rollback(workflow.context, changeset.id, by=ANN, dry_run=True).needs_approvals == 2
    held = workflow.limited(branch_updates_percent=0).propose(release(SMALL)).changeset
    assert held.hold_reason is not None
    for account in (ANN, BEN):
        service.override(workflow.context, held.id, by=account)
    raised = workflow.now(held)
    assert raised.needs_approvals == 1
    workflow.approve(raised, ANN)
    workflow.apply()
    assert service.rollback(workflow.context, held.id, by=ANN).needs_approvals == 2


def test_nobody_decides_in_time(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    assert service.digest(workflow.context).pending == 2
    workflow.clock.pass_by(timedelta(days=91))
    assert service.sweep(workflow.context, dry_run=True).expired == 2
    assert service.sweep(workflow.context).expired == 2
    assert service.sweep(workflow.context).expired == 0
    assert {record.status for record in workflow.records(changeset).values()} == {Status.EXPIRED}
    assert service.digest(workflow.context).pending == 0


def test_history_is_kept_for_a_year(workflow: Workflow) -> None:
    workflow.load(SMALL)
    workflow.clock.pass_by(timedelta(days=366))
    workflow.follow(release(CHANGED))
    assert service.purge(workflow.context, dry_run=True) == len(SMALL)
    assert service.purge(workflow.context) == len(SMALL)
    assert len(workflow.history()) == 2
    assert workflow.names() == CHANGED


def test_an_apply_that_never_ended_is_given_back_or_finished(workflow: Workflow) -> None:
    """A lease that ran out: what history holds is completed, the rest is approved again."""
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    workflow.approve(changeset)
    records = list(workflow.records(changeset).values())
    until = workflow.context.clock() + timedelta(seconds=5)
    workflow.context.records.move_many(
        records, Status.EXECUTING, now=workflow.context.clock(), fields={"lease_until": until}
    )
    assert service.sweep(workflow.context).given_back == 0
    workflow.clock.pass_by(timedelta(seconds=10))
    assert service.sweep(workflow.context).given_back == 2
    assert {record.status for record in workflow.records(changeset).values()} == {Status.APPROVED}
    workflow.apply()
    assert workflow.names() == CHANGED
