"""Real releases through the whole workflow: what is not held is approved and applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, HoldReason, Status, Verdict
from batch_platform_tests.zengin.service_fixtures import context, work
from batch_platform_tests.zengin.workflow import Work, frames, replay

__all__ = ["context", "work"]


def replayed(work: Work) -> dict[str, dict[str, Mapping[str, Any]]]:
    releases = replay()
    for number, (version, files) in enumerate(releases.items()):
        changeset = work.follow(files, bootstrap=number == 0)
        assert changeset.status is ChangesetStatus.APPLIED, (version, changeset)
        assert work.holds(files), version
    return releases


def test_the_master_follows_every_release_row_by_row(work: Work) -> None:
    """Acceptance: equal after each, history = applied changes, no conflict, nothing left open."""
    releases = replayed(work)
    changesets, _ = service.changesets(work.context, limit=100)
    assert len(changesets) == len(releases)
    [noop] = [one for one in changesets if one.verdict is Verdict.NOOP]  # 20260601 repeats 20260525
    assert noop.counts == {"rows": 0}
    history = work.history()
    assert len(history) == sum(one.counts["rows"] for one in changesets)
    assert len({(row["diff_id"], row["table_name"], row["record_id"]) for row in history}) == len(history)
    for status in (Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED):
        assert service.records(work.context, status)[0] == []
    assert all(check.passed for check in service.check_master(work.context))


def test_a_second_replay_changes_nothing(work: Work) -> None:
    """Fact 1: every stale release is held as a regression and raises nothing; the undo is a no-op."""
    releases = replayed(work)
    before = (work.master(), work.history())
    *stale, last = releases.values()
    equal_to_last = frames(last)
    for files in stale:
        proposal = work.propose(files)
        assert (proposal.changeset.verdict, proposal.changeset.hold_reason) == (Verdict.HELD, HoldReason.REGRESSION)
        assert work.records(proposal.changeset) == {}
        assert proposal.superseded == 0
    undo = work.propose(last)
    assert undo.changeset.verdict is Verdict.NOOP
    assert work.apply() is None
    after = (work.master(), work.history())
    assert all(ours.equals(theirs) for ours, theirs in zip(before[0], after[0], strict=True))
    assert all(ours.equals(theirs) for ours, theirs in zip(after[0], equal_to_last, strict=True))
    assert before[1] == after[1]
    held, _ = service.changesets(work.context, ChangesetStatus.HELD)
    assert held == []  # the undo closes what was held before it


def test_stale_releases_of_one_day_are_judged_as_those_of_many(work: Work) -> None:
    """Without a date everything is of today; an arrival is still an arrival."""
    first, second, third = list(replay().values())[:3]
    for number, files in enumerate((first, second, third)):
        work.take(files, bootstrap=number == 0)
        changeset = service.propose(work.context).changeset
        work.approve(changeset)
        work.apply()
        assert work.holds(files)
    work.take(first)
    held = service.propose(work.context).changeset
    assert (held.verdict, held.hold_reason) == (Verdict.HELD, HoldReason.REGRESSION)
    work.take(third)
    assert service.propose(work.context).changeset.verdict is Verdict.NOOP
    assert work.holds(third)


def test_an_old_master_catches_up_in_one_step(work: Work) -> None:
    """Bank deletions and additions with their branches, in one changeset: no foreign key in the way (fact 3)."""
    releases = list(replay().values())
    work.follow(releases[0], bootstrap=True)
    caught_up = work.follow(releases[-1])
    assert caught_up.counts["banks.deletion"] >= 3
    assert caught_up.counts["banks.addition"] >= 1
    assert caught_up.needs_approvals == 2
    assert work.holds(releases[-1])


def test_a_past_day_is_read_again_without_effect(work: Work) -> None:
    """A backfill of old partitions gives the snapshots and changesets that are there."""
    first, second = list(replay().values())[:2]
    work.follow(first, bootstrap=True)
    day = work.day
    work.follow(second)
    again = service.take_snapshot(work.context, work.taken[0], day)
    assert not again.taken
    assert service.propose(work.context, day).changeset.status is ChangesetStatus.APPLIED
    assert work.holds(second)


def test_as_of_a_day_the_master_is_what_it_was(work: Work) -> None:
    releases = list(replay().values())[:4]
    days = []
    for number, files in enumerate(releases):
        work.follow(files, bootstrap=number == 0)
        days.append(work.day)
    for day, files in zip(days, releases, strict=True):
        then = service.master_as_of(work.context, day)
        assert all(ours.equals(theirs) for ours, theirs in zip(then, frames(files), strict=True)), day
