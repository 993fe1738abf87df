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
from batch_platform_tests.zengin.service_fixtures import context, work
from batch_platform_tests.zengin.workflow import ANN, BEN, SMALL, Work, release

__all__ = ["context", "work"]


def test_an_empty_master_is_filled_only_when_asked(work: Work) -> None:
    """Fact 10: a bootstrap is asked for by a flag, also later for a snapshot that is there."""
    held = work.propose(release(SMALL)).changeset
    assert (held.verdict, held.hold_reason) == (Verdict.HELD, HoldReason.BOOTSTRAP)
    filled = work.load(SMALL)
    assert filled.status is ChangesetStatus.APPLIED
    assert work.names() == SMALL
    assert work.now(held).status is ChangesetStatus.SUPERSEDED


def test_the_brake_holds_until_two_accounts_override_it(work: Work) -> None:
    work.load(SMALL)
    strict = work.limited(branch_updates_percent=2)
    held = strict.propose(release(SMALL | {"0001-001": "東京"})).changeset
    assert (held.status, held.hold_reason) == (ChangesetStatus.HELD, HoldReason.BRAKE)
    assert work.records(held) == {}
    with pytest.raises(Conflict, match="held"):
        work.approve(held, ANN)
    first = service.override(work.context, held.id, by=ANN)
    assert (first.waiting, first.changeset.status) == (1, ChangesetStatus.HELD)
    with pytest.raises(Conflict, match="another account"):
        service.override(work.context, held.id, by=ANN)
    second = service.override(work.context, held.id, by=BEN)
    assert (second.moved, second.changeset.status) == (1, ChangesetStatus.PENDING)
    assert second.changeset.approvals == ()  # vouching for the snapshot approves no row of it
    work.approve(work.now(held))
    work.apply()
    assert work.names()["0001-001"] == "東京"


def test_an_override_of_what_was_rejected_before_raises_nothing(work: Work) -> None:
    work.load(SMALL)
    changed = release(SMALL | {"0001-001": "東京"})
    service.reject_changeset(work.context, work.propose(changed).changeset.id, by=ANN, reason="not yet")
    work.propose(release(SMALL))
    held = work.limited(branch_updates_percent=2).propose(changed).changeset
    assert held.status is ChangesetStatus.HELD
    service.override(work.context, held.id, by=ANN)
    done = service.override(work.context, held.id, by=BEN)
    assert (done.moved, done.changeset.status, done.changeset.verdict) == (0, ChangesetStatus.APPLIED, Verdict.NOOP)
    assert "rejected before: 1" in done.changeset.reason


def test_an_override_that_was_killed_is_given_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    work.load(SMALL)
    held = work.limited(branch_updates_percent=2).propose(release(SMALL | {"0001-001": "東京"})).changeset
    service.override(work.context, held.id, by=ANN)
    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "judge_snapshot", lambda *_, **__: sys.exit("killed"))
        with pytest.raises(SystemExit):
            service.override(work.context, held.id, by=BEN)
    assert work.now(held).status is ChangesetStatus.HELD
    done = service.override(work.context, held.id, by=BEN)
    assert (done.moved, done.changeset.status) == (1, ChangesetStatus.PENDING)
    assert service.propose(work.context, work.day).changeset == done.changeset


def test_a_held_snapshot_can_be_rejected_as_a_whole(work: Work) -> None:
    work.load(SMALL)
    held = work.limited(branch_updates_percent=2).propose(release(SMALL | {"0001-001": "東京"})).changeset
    done = service.reject_changeset(work.context, held.id, by=ANN, reason="a broken file")
    assert done.changeset.status is ChangesetStatus.REJECTED
    with pytest.raises(Conflict):
        service.override(work.context, held.id, by=BEN)


def test_an_undone_release_is_held(work: Work) -> None:
    """Fact 1: most changes are inverses of what was applied lately."""
    work.load(SMALL)
    changed = SMALL | {key: f"新{name}" for key, name in SMALL.items() if "-" in key}
    work.follow(release(changed))
    undone = work.propose(release(SMALL | {"0009-002": "新支店"})).changeset
    assert undone.hold_reason is HoldReason.INVERSE


def test_a_bootstrap_is_no_change_that_a_deletion_undoes(work: Work) -> None:
    """Fact 1 counts changes: filling the master is none."""
    work.load(SMALL | {f"0001-{number}": f"支店{number}" for number in range(100, 110)})
    closing = work.propose(release(SMALL)).changeset
    assert (closing.verdict, closing.counts["branches.deletion"]) == (Verdict.ACCEPTED, 10)


def test_a_newer_release_supersedes_what_is_open(work: Work) -> None:
    """Fact 9: expired, reason superseded; its changeset closes."""
    work.load(SMALL)
    older = work.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})).changeset
    newer = work.propose(release(SMALL | {"0001-001": "東京中央"}))
    assert newer.superseded == 2
    for record in work.records(older).values():
        assert (record.status, record.reason) == (Status.EXPIRED, "superseded")
        assert record.ttl is not None
    assert work.now(older).status is ChangesetStatus.SUPERSEDED
    assert set(work.records(newer.changeset)) == {"0001-001"}


def test_what_somebody_approved_outlives_a_release_that_proposes_it_again(work: Work) -> None:
    work.load(SMALL)
    older = work.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})).changeset
    record = work.records(older)["0001-001"]
    service.approve(work.context, [record.id], by=ANN)
    newer = work.propose(release(SMALL | {"0001-001": "東京", "0005-002": "大手町", "0009-001": "本店"}))
    assert (newer.carried, newer.raised, newer.superseded) == (1, 2, 1)
    assert service.record(work.context, record.id).status is Status.APPROVED
    work.approve(newer.changeset)
    work.apply()
    assert work.names()["0001-001"] == "東京"


def test_the_same_release_again_leaves_everything_open(work: Work) -> None:
    work.load(SMALL)
    files = release(SMALL | {"0001-001": "東京"})
    older = work.propose(files).changeset
    again = work.propose(files)
    assert (again.changeset.verdict, again.carried, again.superseded) == (Verdict.NOOP, 1, 0)
    assert work.now(older).status is ChangesetStatus.PENDING


def test_a_stale_file_does_not_kill_what_a_newer_one_proposes(work: Work) -> None:
    work.load(SMALL)
    files = release(SMALL | {"0001-001": "東京"})
    newer = work.propose(files).changeset
    stale = work.propose(release(SMALL)).changeset
    assert stale.hold_reason is HoldReason.REGRESSION
    assert work.propose(files).changeset.verdict is Verdict.NOOP
    work.approve(work.now(newer))
    work.apply()
    assert work.holds(files)


def test_a_rejection_is_remembered(work: Work) -> None:
    """The same proposal is not raised again, a different value is."""
    work.load(SMALL)
    refused = work.propose(release(SMALL | {"0001-001": "東亰"})).changeset
    service.reject_changeset(work.context, refused.id, by=ANN, reason="a wrong letter")
    assert work.now(refused).status is ChangesetStatus.REJECTED
    again = work.propose(release(SMALL | {"0001-001": "東亰", "0009-001": "本店"}))
    assert (again.remembered, set(work.records(again.changeset))) == (1, {"0009-001"})
    other = work.propose(release(SMALL | {"0001-001": "東京", "0009-001": "本店"}))
    assert set(work.records(other.changeset)) == {"0001-001", "0009-001"}


def test_a_branch_file_left_behind_adds_nothing(work: Work) -> None:
    """Fact 2."""
    work.load(SMALL)
    files = release({key: name for key, name in SMALL.items() if not key.startswith("0009")})
    files["branches/0009.json"] = release(SMALL)["branches/0009.json"]
    taken = work.propose(files).changeset
    assert taken.counts["branches.deletion"] == 1
    assert "branches.addition" not in taken.counts
    with work.context.store.snapshot() as session:
        newest = session.newest_snapshot()
    assert newest is not None
    assert newest.orphans == ("0009",)
    orphan_check = {check["name"]: check for check in newest.checks}["orphan_files"]
    assert not orphan_check["passed"]
    assert "0009" in orphan_check["description"]


def test_duplicate_keys_stop_the_snapshot_and_are_named(work: Work) -> None:
    """Fact 11."""
    folder = work.folder / "twice"
    (folder / "branches").mkdir(parents=True)
    bank = '{"code": "0001", "name": "みずほ", "kana": "ミズホ", "hira": "みずほ", "roma": "mizuho"}'
    (folder / "banks.json").write_text(f'{{"0001": {bank}, "0001": {bank}}}')
    (folder / "branches" / "0001.json").write_text("{}")
    with pytest.raises(PermanentFailure, match="0001"):
        service.take_snapshot(work.context, str(folder))
    with pytest.raises(NotFound):
        service.propose(work.context)


def test_a_dry_run_writes_nothing(work: Work) -> None:
    work.load(SMALL)
    path = work.folder / "next"
    from batch_platform_tests.zengin.workflow import written

    written(path, release(SMALL | {"0001-001": "東京"}))
    assert service.take_snapshot(work.context, str(path), dry_run=True).taken
    work.take(release(SMALL | {"0001-001": "東京"}))
    rehearsed = service.propose(work.context, dry_run=True)
    assert (rehearsed.changeset.verdict, rehearsed.raised) == (Verdict.ACCEPTED, 1)
    with pytest.raises(NotFound):
        service.changeset(work.context, rehearsed.changeset.id)
    assert service.propose(work.context).raised == 1


def test_many_rows_are_one_record_with_its_rows_in_s3(work: Work) -> None:
    work = work.limited(bulk_rows=3)
    work.load(SMALL)
    changed = SMALL | {key: f"新{name}" for key, name in SMALL.items() if "-" in key}
    changeset = work.propose(release(changed)).changeset
    [record] = work.records(changeset).values()
    assert record.diff_type == "bulk_update"
    assert record.data_location == f"s3://local-zengin-diff-data/diffs/{record.id}.json"
    assert record.data_summary is not None
    assert record.data_summary["updates"] == 5
    assert service.changes_of(work.context, changeset.id).height == 5
    work.approve(changeset, ANN)
    work.apply()
    assert work.names() == changed


def test_producers_that_race_raise_each_change_once(work: Work) -> None:
    work.load(SMALL)
    files = release(SMALL | {"0001-001": "東京", "0005-002": "大手町"})
    work.take(files)
    together = threading.Barrier(4)

    def produce(_: int) -> service.Proposal:
        together.wait()
        service.take_snapshot(work.context, work.taken[-1], work.day)
        return service.propose(work.context)

    with ThreadPoolExecutor(4) as pool:
        proposals = list(pool.map(produce, range(4)))
    assert len({proposal.changeset.id for proposal in proposals}) == 1
    assert sum(proposal.raised for proposal in proposals) == 2
    assert len(work.records(proposals[0].changeset)) == 2
