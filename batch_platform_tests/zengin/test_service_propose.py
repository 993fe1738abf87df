"""Snapshots and what is proposed of them: holds, supersession, what was rejected, who races."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from batch_platform.core.failures import Conflict, NotFound, PermanentFailure
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, HoldReason, Status, Verdict
from batch_platform.zengin.store.snapshots import Snapshots
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workflow import ANN, BEN, SMALL, Workflow, release

__all__ = ["context", "workflow"]


def test_an_empty_master_is_filled_only_when_asked(workflow: Workflow) -> None:
    """Fact 10: a bootstrap is asked for by a flag, also later for a snapshot that is there."""
    held = workflow.propose(release(SMALL)).changeset
    assert (held.verdict, held.hold_reason) == (Verdict.HELD, HoldReason.BOOTSTRAP)
    filled = workflow.load(SMALL)
    assert filled.status is ChangesetStatus.APPLIED
    assert workflow.names() == SMALL
    assert workflow.now(held).status is ChangesetStatus.SUPERSEDED


def test_the_brake_holds_until_two_accounts_override_it(workflow: Workflow) -> None:
    workflow.load(SMALL)
    strict = workflow.limited(branch_updates_percent=2)
    held = strict.propose(release(SMALL | {"0001-001": "東京"})).changeset
    assert (held.status, held.hold_reason) == (ChangesetStatus.HELD, HoldReason.BRAKE)
    assert workflow.records(held) == {}
    with pytest.raises(Conflict, match="held"):
        workflow.approve(held, ANN)
    first = service.override(workflow.context, held.id, by=ANN)
    assert (first.waiting, first.changeset.status) == (1, ChangesetStatus.HELD)
    with pytest.raises(Conflict, match="another account"):
        service.override(workflow.context, held.id, by=ANN)
    second = service.override(workflow.context, held.id, by=BEN)
    assert (second.moved, second.changeset.status) == (1, ChangesetStatus.PENDING)
    assert second.changeset.approvals == ()  # vouching for the snapshot approves no row of it
    workflow.approve(workflow.now(held))
    workflow.apply()
    assert workflow.names()["0001-001"] == "東京"


def test_an_override_of_what_was_rejected_before_raises_nothing(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changed = release(SMALL | {"0001-001": "東京"})
    service.reject_changeset(workflow.context, workflow.propose(changed).changeset.id, by=ANN, reason="not yet")
    workflow.propose(release(SMALL))
    held = workflow.limited(branch_updates_percent=2).propose(changed).changeset
    assert held.status is ChangesetStatus.HELD
    service.override(workflow.context, held.id, by=ANN)
    done = service.override(workflow.context, held.id, by=BEN)
    assert (done.moved, done.changeset.status, done.changeset.verdict) == (0, ChangesetStatus.APPLIED, Verdict.NOOP)
    assert "rejected before: 1" in done.changeset.reason


def test_an_override_that_was_killed_is_given_again(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow.load(SMALL)
    held = workflow.limited(branch_updates_percent=2).propose(release(SMALL | {"0001-001": "東京"})).changeset
    service.override(workflow.context, held.id, by=ANN)
    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "judge_snapshot", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            service.override(workflow.context, held.id, by=BEN)
    assert workflow.now(held).status is ChangesetStatus.HELD
    done = service.override(workflow.context, held.id, by=BEN)
    assert (done.moved, done.changeset.status) == (1, ChangesetStatus.PENDING)
    assert service.propose(workflow.context, workflow.day).changeset == done.changeset


def test_a_held_snapshot_can_be_rejected_as_a_whole(workflow: Workflow) -> None:
    workflow.load(SMALL)
    held = workflow.limited(branch_updates_percent=2).propose(release(SMALL | {"0001-001": "東京"})).changeset
    done = service.reject_changeset(workflow.context, held.id, by=ANN, reason="a broken file")
    assert done.changeset.status is ChangesetStatus.REJECTED
    with pytest.raises(Conflict):
        service.override(workflow.context, held.id, by=BEN)


def test_an_undone_release_is_held(workflow: Workflow) -> None:
    """Fact 1: most changes are inverses of what was applied lately."""
    workflow.load(SMALL)
    changed = SMALL | {key: f"新{name}" for key, name in SMALL.items() if "-" in key}
    workflow.follow(release(changed))
    undone = workflow.propose(release(SMALL | {"0009-002": "新支店"})).changeset
    assert undone.hold_reason is HoldReason.INVERSE


def test_a_bootstrap_is_no_change_that_a_deletion_undoes(workflow: Workflow) -> None:
    """Fact 1 counts changes: filling the master is none."""
    workflow.load(SMALL | {f"0001-{number}": f"支店{number}" for number in range(100, 110)})
    closing = workflow.propose(release(SMALL)).changeset
    assert (closing.verdict, closing.counts["branches.deletion"]) == (Verdict.ACCEPTED, 10)


def test_a_newer_release_supersedes_what_is_open(workflow: Workflow) -> None:
    """Fact 9: expired, reason superseded; its changeset closes."""
    workflow.load(SMALL)
    older = workflow.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})).changeset
    newer = workflow.propose(release(SMALL | {"0001-001": "東京中央"}))
    assert newer.superseded == 2
    for record in workflow.records(older).values():
        assert (record.status, record.reason) == (Status.EXPIRED, "superseded")
        assert record.ttl is not None
    assert workflow.now(older).status is ChangesetStatus.SUPERSEDED
    assert set(workflow.records(newer.changeset)) == {"0001-001"}


def test_what_somebody_approved_outlives_a_release_that_proposes_it_again(workflow: Workflow) -> None:
    workflow.load(SMALL)
    older = workflow.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})).changeset
    record = workflow.records(older)["0001-001"]
    service.approve(workflow.context, [record.id], by=ANN)
    newer = workflow.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町", "0009-001": "本店"}))
    assert (newer.carried, newer.raised, newer.superseded) == (1, 2, 1)
    assert service.record(workflow.context, record.id).status is Status.APPROVED
    workflow.approve(newer.changeset)
    workflow.apply()
    assert workflow.names()["0001-001"] == "東京"


def test_the_same_release_again_leaves_everything_open(workflow: Workflow) -> None:
    workflow.load(SMALL)
    files = release(SMALL | {"0001-001": "東京"})
    older = workflow.propose(files).changeset
    again = workflow.propose(files)
    assert (again.changeset.verdict, again.carried, again.superseded) == (Verdict.NOOP, 1, 0)
    assert workflow.now(older).status is ChangesetStatus.PENDING


def test_a_stale_file_does_not_kill_what_a_newer_one_proposes(workflow: Workflow) -> None:
    workflow.load(SMALL)
    files = release(SMALL | {"0001-001": "東京"})
    newer = workflow.propose(files).changeset
    stale = workflow.propose(release(SMALL)).changeset
    assert stale.hold_reason is HoldReason.REGRESSION
    assert workflow.propose(files).changeset.verdict is Verdict.NOOP
    workflow.approve(workflow.now(newer))
    workflow.apply()
    assert workflow.holds(files)


def test_a_rejection_is_remembered(workflow: Workflow) -> None:
    """The same proposal is not raised again, a different value is."""
    workflow.load(SMALL)
    refused = workflow.propose(release(SMALL | {"0001-001": "東亰"})).changeset
    service.reject_changeset(workflow.context, refused.id, by=ANN, reason="a wrong letter")
    assert workflow.now(refused).status is ChangesetStatus.REJECTED
    again = workflow.propose(release(SMALL | {"0001-001": "東亰", "0009-001": "本店"}))
    assert (again.remembered, set(workflow.records(again.changeset))) == (1, {"0009-001"})
    other = workflow.propose(release(SMALL | {"0001-001": "東京", "0009-001": "本店"}))
    assert set(workflow.records(other.changeset)) == {"0001-001", "0009-001"}


def test_a_branch_file_left_behind_adds_nothing(workflow: Workflow) -> None:
    """Fact 2."""
    workflow.load(SMALL)
    files = release({key: name for key, name in SMALL.items() if not key.startswith("0009")})
    files["branches/0009.json"] = release(SMALL)["branches/0009.json"]
    taken = workflow.propose(files).changeset
    assert taken.counts["branches.deletion"] == 1
    assert "branches.addition" not in taken.counts
    with workflow.context.store.snapshot() as session:
        newest = session.newest_snapshot()
    assert newest is not None
    assert newest.orphans == ("0009",)
    orphan_check = {check["name"]: check for check in newest.checks}["orphan_files"]
    assert not orphan_check["passed"]
    assert "0009" in orphan_check["description"]


def test_duplicate_keys_stop_the_snapshot_and_are_named(workflow: Workflow) -> None:
    """Fact 11."""
    folder = workflow.folder / "twice"
    (folder / "branches").mkdir(parents=True)
    bank = '{"code": "0001", "name": "みずほ", "kana": "ミズホ", "hira": "みずほ", "roma": "mizuho"}'
    (folder / "banks.json").write_text(f'{{"0001": {bank}, "0001": {bank}}}')
    (folder / "branches" / "0001.json").write_text("{}")
    with pytest.raises(PermanentFailure, match="0001"):
        service.take_snapshot(workflow.context, str(folder))
    with pytest.raises(NotFound):
        service.propose(workflow.context)


def test_a_dry_run_writes_nothing(workflow: Workflow) -> None:
    workflow.load(SMALL)
    path = workflow.folder / "next"
    from batch_platform_tests.zengin.workflow import written

    written(path, release(SMALL | {"0001-001": "東京"}))
    assert service.take_snapshot(workflow.context, str(path), dry_run=True).taken
    workflow.take(release(SMALL | {"0001-001": "東京"}))
    rehearsed = service.propose(workflow.context, dry_run=True)
    assert (rehearsed.changeset.verdict, rehearsed.raised) == (Verdict.ACCEPTED, 1)
    with pytest.raises(NotFound):
        service.changeset(workflow.context, rehearsed.changeset.id)
    assert service.propose(workflow.context).raised == 1


def test_many_rows_are_one_record_with_its_rows_in_s3(workflow: Workflow) -> None:
    workflow = workflow.limited(bulk_rows=3)
    workflow.load(SMALL)
    changed = SMALL | {key: f"新{name}" for key, name in SMALL.items() if "-" in key}
    changeset = workflow.propose(release(changed)).changeset
    [record] = workflow.records(changeset).values()
    assert record.diff_type == "bulk_update"
    assert record.data_location == f"s3://local-zengin-diff-data/diffs/{record.id}.json"
    assert record.data_summary is not None
    assert record.data_summary["updates"] == 5
    assert service.changes_of(workflow.context, changeset.id).height == 5
    workflow.approve(changeset, ANN)
    workflow.apply()
    assert workflow.names() == changed


def test_producers_that_race_raise_each_change_once(workflow: Workflow) -> None:
    workflow.load(SMALL)
    files = release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})
    workflow.take(files)
    together = threading.Barrier(4)

    def produce(_: int) -> service.Proposal:
        together.wait()
        service.take_snapshot(workflow.context, workflow.taken[-1], workflow.day)
        return service.propose(workflow.context)

    with ThreadPoolExecutor(4) as pool:
        proposals = list(pool.map(produce, range(4)))
    assert len({proposal.changeset.id for proposal in proposals}) == 1
    assert sum(proposal.raised for proposal in proposals) == 2
    assert len(workflow.records(proposals[0].changeset)) == 2
