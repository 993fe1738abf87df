"""Real releases through the whole workflow: what is not held is approved and applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, HoldReason, Status, Verdict
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workflow import Workflow, frames, replay

__all__ = ["context", "workflow"]


def replayed(workflow: Workflow) -> dict[str, dict[str, Mapping[str, Any]]]:
    releases = replay()
    for number, (version, files) in enumerate(releases.items()):
        changeset = workflow.follow(files, bootstrap=number == 0)
        assert changeset.status is ChangesetStatus.APPLIED, (version, changeset)
        assert workflow.holds(files), version
    return releases


def test_the_master_follows_every_release_row_by_row(workflow: Workflow) -> None:
    """Acceptance: equal after each, history = applied changes, no conflict, nothing left open."""
    releases = replayed(workflow)
    changesets, _ = service.changesets(workflow.context, limit=100)
    assert len(changesets) == len(releases)
    [noop] = [one for one in changesets if one.verdict is Verdict.NOOP]  # 20260601 repeats 20260525
    assert noop.counts == {"rows": 0}
    history = workflow.history()
    assert len(history) == sum(one.counts["rows"] for one in changesets)
    assert len({(row["diff_id"], row["table_name"], row["record_id"]) for row in history}) == len(history)
    for status in (Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED):
        assert service.records(workflow.context, status)[0] == []
    assert all(check.passed for check in service.check_master(workflow.context))


def test_a_second_replay_changes_nothing(workflow: Workflow) -> None:
    """Fact 1: every stale release is held as a regression and raises nothing; the undo is a no-op."""
    releases = replayed(workflow)
    before = (workflow.master(), workflow.history())
    *stale, last = releases.values()
    equal_to_last = frames(last)
    for files in stale:
        proposal = workflow.propose(files)
        assert (proposal.changeset.verdict, proposal.changeset.hold_reason) == (Verdict.HELD, HoldReason.REGRESSION)
        assert workflow.records(proposal.changeset) == {}
        assert proposal.superseded == 0
    undo = workflow.propose(last)
    assert undo.changeset.verdict is Verdict.NOOP
    assert workflow.apply() is None
    after = (workflow.master(), workflow.history())
    assert all(ours.equals(theirs) for ours, theirs in zip(before[0], after[0], strict=True))
    assert all(ours.equals(theirs) for ours, theirs in zip(after[0], equal_to_last, strict=True))
    assert before[1] == after[1]
    held, _ = service.changesets(workflow.context, ChangesetStatus.HELD)
    assert held == []  # the undo closes what was held before it


def test_stale_releases_of_one_day_are_judged_as_those_of_many(workflow: Workflow) -> None:
    """Without a date everything is of today; an arrival is still an arrival."""
    first, second, third = list(replay().values())[:3]
    for number, files in enumerate((first, second, third)):
        workflow.take(files, bootstrap=number == 0)
        changeset = service.propose(workflow.context).changeset
        workflow.approve(changeset)
        workflow.apply()
        assert workflow.holds(files)
    workflow.take(first)
    held = service.propose(workflow.context).changeset
    assert (held.verdict, held.hold_reason) == (Verdict.HELD, HoldReason.REGRESSION)
    workflow.take(third)
    assert service.propose(workflow.context).changeset.verdict is Verdict.NOOP
    assert workflow.holds(third)


def test_an_old_master_catches_up_in_one_step(workflow: Workflow) -> None:
    """Bank deletions and additions with their branches, in one changeset: no foreign key in the way (fact 3)."""
    releases = list(replay().values())
    workflow.follow(releases[0], bootstrap=True)
    caught_up = workflow.follow(releases[-1])
    assert caught_up.counts["banks.deletion"] >= 3
    assert caught_up.counts["banks.addition"] >= 1
    assert caught_up.needs_approvals == 2
    assert workflow.holds(releases[-1])


def test_a_past_day_is_read_again_without_effect(workflow: Workflow) -> None:
    """A backfill of old partitions gives the snapshots and changesets that are there."""
    first, second = list(replay().values())[:2]
    workflow.follow(first, bootstrap=True)
    day = workflow.day
    workflow.follow(second)
    again = service.take_snapshot(workflow.context, workflow.taken[0], day)
    assert not again.taken
    assert service.propose(workflow.context, day).changeset.status is ChangesetStatus.APPLIED
    assert workflow.holds(second)


def test_as_of_a_day_the_master_is_what_it_was(workflow: Workflow) -> None:
    releases = list(replay().values())[:4]
    days = []
    for number, files in enumerate(releases):
        workflow.follow(files, bootstrap=number == 0)
        days.append(workflow.day)
    for day, files in zip(days, releases, strict=True):
        then = service.master_as_of(workflow.context, day)
        assert all(ours.equals(theirs) for ours, theirs in zip(then, frames(files), strict=True)), day
