"""What people decide: two accounts where it takes two, versions, payload hashes, races."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.web import i18n
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Record, Status
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workflow import ANN, BEN, CAT, SMALL, Workflow, release

__all__ = ["context", "workflow"]

CHANGED = SMALL | {"0001-001": "東京", "0005-002": "大手町"}
CLOSED = {key: name for key, name in SMALL.items() if not key.startswith("0009")}


def trail(workflow: Workflow, record: Record) -> list[tuple[str | None, str, str]]:
    with workflow.context.store.snapshot() as session:
        rows = session.transitions("record", record.id)
    return [(row["from_status"], row["to_status"], row["who"]) for row in rows]


def test_one_account_approves_a_row_and_the_audit_says_so(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    record = workflow.records(changeset)["0001-001"]
    done = service.approve(workflow.context, [record.id], by=ANN, versions={record.id: record.version})
    assert (done.records[0].status, done.waiting) == (Status.APPROVED, ())
    assert [approval.account for approval in done.records[0].approvals] == [ANN]
    assert trail(workflow, record) == [(None, "pending", "system"), ("pending", "approved", ANN)]
    with pytest.raises(Conflict, match="approved, not pending"):
        service.approve(workflow.context, [record.id], by=BEN)


def test_a_bank_goes_only_by_two_accounts(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CLOSED)).changeset
    assert changeset.needs_approvals == 2
    bank = workflow.records(changeset)["0009"]
    first = service.approve(workflow.context, [bank.id], by=ANN)
    assert (first.records[0].status, first.waiting) == (Status.PENDING, (bank.id,))
    with pytest.raises(Conflict, match="another account"):
        service.approve(workflow.context, [bank.id], by=ANN)
    second = service.approve(workflow.context, [bank.id], by=BEN)
    assert second.records[0].status is Status.APPROVED
    assert len(trail(workflow, bank)) == 3


def test_two_accounts_approve_a_changeset(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CLOSED)).changeset
    first = workflow.approve(changeset, ANN)
    assert (first.waiting, first.changeset.status) == (2, ChangesetStatus.PENDING)
    with pytest.raises(Conflict, match="another account"):
        workflow.approve(changeset, ANN)
    second = workflow.approve(changeset, BEN)
    assert (second.moved, second.waiting, second.changeset.status) == (2, 0, ChangesetStatus.APPROVED)
    assert [approval.account for approval in second.changeset.approvals] == [ANN, BEN]


def test_more_rows_at_once_take_two_accounts(workflow: Workflow) -> None:
    workflow = workflow.limited(two_person_rows=1)
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    ids = [record.id for record in workflow.records(changeset).values()]
    assert service.approve(workflow.context, ids, by=ANN).waiting == tuple(ids)
    assert service.approve(workflow.context, ids, by=BEN).waiting == ()


@pytest.mark.parametrize(
    "wrong", [{"payload_hash": "0" * 64}, {"count": 3}, {"version": 9}, {"payload_hash": "", "count": 0}]
)
def test_a_wrong_hash_count_or_version_moves_nothing(workflow: Workflow, wrong: dict[str, object]) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    before = workflow.records(changeset)
    given: dict[str, object] = {"payload_hash": changeset.payload_hash, "count": 2, "version": changeset.version}
    with pytest.raises(Conflict):
        service.approve_changeset(workflow.context, changeset.id, by=ANN, **{**given, **wrong})  # type: ignore[arg-type]
    assert workflow.records(changeset) == before
    assert workflow.now(changeset) == changeset


def test_a_stale_version_of_a_record_moves_none_of_them(workflow: Workflow) -> None:
    workflow.load(SMALL)
    records = list(workflow.records(workflow.propose(release(CHANGED)).changeset).values())
    versions = {records[0].id: 1, records[1].id: 7}
    with pytest.raises(Conflict, match="changed meanwhile"):
        service.approve(workflow.context, list(versions), by=ANN, versions=versions)
    with pytest.raises(Conflict, match="changed meanwhile"):
        service.reject(workflow.context, list(versions), by=ANN, reason="no", versions=versions)
    assert {service.record(workflow.context, one.id).version for one in records} == {1}


def test_an_approval_can_be_taken_back(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    workflow.approve(changeset)
    record = workflow.records(changeset)["0001-001"]
    [revoked] = service.revoke(workflow.context, [record.id], by=BEN).records
    assert (revoked.status, revoked.approvals) == (Status.PENDING, ())
    assert workflow.now(changeset).status is ChangesetStatus.PENDING
    workflow.apply()
    assert workflow.names()["0001-001"] == SMALL["0001-001"]
    assert workflow.names()["0005-002"] == "大手町"
    assert workflow.now(changeset).status is ChangesetStatus.PARTIALLY_APPLIED
    service.approve(workflow.context, [record.id], by=CAT)
    workflow.apply()
    assert workflow.now(changeset).status is ChangesetStatus.APPLIED


def test_a_rejected_record_is_closed_with_its_reason(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    record = workflow.records(changeset)["0001-001"]
    [rejected] = service.reject(workflow.context, [record.id], by=ANN, reason="still open").records
    assert rejected.status is Status.REJECTED
    assert rejected.ttl == int((workflow.clock.now + timedelta(days=90)).timestamp())
    for decide, statuses in ((service.approve, "pending"), (service.revoke, "pending, approved, failed")):
        with pytest.raises(Conflict, match=f"is rejected, not {statuses}$") as refused:
            decide(workflow.context, [record.id], by=BEN)
        with i18n.speaking(i18n.load(["batch_platform.web", "batch_platform.zengin.web"])["ja"]):
            assert i18n.translated(refused.value).endswith(
                f"「{statuses.replace(', ', '、')}」でなければなりません。"
            )
    with pytest.raises(InvalidInput, match="reason"):
        service.reject(workflow.context, [workflow.records(changeset)["0005-002"].id], by=ANN, reason=" ")


def test_names_that_are_not_there(workflow: Workflow) -> None:
    with pytest.raises(NotFound):
        service.approve(workflow.context, ["diff-20261110-000000000000"], by=ANN)
    with pytest.raises(NotFound):
        service.reject_changeset(workflow.context, "changeset-none", by=ANN, reason="x")
    with pytest.raises(InvalidInput):
        service.approve(workflow.context, [], by=ANN)


def test_approvers_that_race_count_once_each(workflow: Workflow) -> None:
    """Six approve a bank's end at the same moment: it takes two, and nobody's word is lost or counted twice."""
    workflow.load(SMALL)
    changeset = workflow.propose(release(CLOSED)).changeset
    bank = workflow.records(changeset)["0009"]
    together = threading.Barrier(6)

    def approve(number: int) -> str:
        together.wait()
        for _ in range(20):
            try:
                return service.approve(workflow.context, [bank.id], by=f"local:a{number % 3}").records[0].status.value
            except Conflict as conflict:
                if "changed meanwhile" not in conflict.message:
                    return "refused"
        return "lost"

    with ThreadPoolExecutor(6) as pool:
        ends = sorted(pool.map(approve, range(6)))
    assert ends == ["approved", "pending", *["refused"] * 4]
    accounts = [approval.account for approval in service.record(workflow.context, bank.id).approvals]
    assert len(set(accounts)) == len(accounts) == 2
