"""What waits for approvers of the bank master: for whom, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batch_platform.operations.waiting import Waiting
from batch_platform.web.access.model import Role
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus
from batch_platform.zengin.waiting import WAITING
from batch_platform_tests.waiting_rows import reader, waits
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.test_service_review import CHANGED, CLOSED
from batch_platform_tests.zengin.workflow import ANN, BEN, DAY, SMALL, Workflow, release

__all__ = ["context", "workflow"]


def rows(workflow: Workflow, name: str, by: str = ANN, *, mine: bool = False) -> list[Waiting]:
    now = workflow.context.clock()
    return waits(workflow.context.store._pool, WAITING, now, reader(by, Role.APPROVER), mine=mine).get(name, [])


def test_a_review_waits_for_whoever_has_not_approved_it_until_it_expires(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CLOSED)).changeset
    [row] = rows(workflow, "zengin-review", mine=True)
    assert row.what == (f"{changeset.id}: records that wait: 2, of them of high risk: 1; accounts needed: 2")
    assert (row.path, row.not_by) == (f"/console/zengin/changesets/{changeset.id}", ())
    assert row.until == row.since + timedelta(days=90)
    workflow.approve(changeset, ANN)
    assert rows(workflow, "zengin-review", mine=True) == []
    assert [row.not_by for row in rows(workflow, "zengin-review", BEN, mine=True)] == [(ANN,)]
    workflow.approve(changeset, BEN)
    assert rows(workflow, "zengin-review") == []


def test_who_has_approved_one_record_of_two_may_approve_the_other(workflow: Workflow) -> None:
    workflow = workflow.limited(two_person_rows=0)
    workflow.load(SMALL)
    records = list(workflow.records(workflow.propose(release(CHANGED)).changeset).values())
    assert service.approve(workflow.context, [records[0].id], by=ANN).waiting
    assert len(rows(workflow, "zengin-review", mine=True)) == 1
    service.approve(workflow.context, [records[1].id], by=ANN)
    assert rows(workflow, "zengin-review", mine=True) == []


def test_who_asks_for_an_undoing_does_not_decide_it_alone(workflow: Workflow) -> None:
    workflow.load(SMALL)
    changeset = workflow.propose(release(CHANGED)).changeset
    workflow.approve(changeset, BEN)
    workflow.apply()
    service.rollback(workflow.context, changeset.id, by=ANN)
    assert [row.not_by for row in rows(workflow, "zengin-review")] == [(ANN,)]
    assert rows(workflow, "zengin-review", mine=True) == []
    assert len(rows(workflow, "zengin-review", BEN, mine=True)) == 1


def test_a_held_release_waits_for_those_who_have_not_overridden_it(workflow: Workflow) -> None:
    workflow.load(SMALL)
    workflow = workflow.limited(branch_updates_percent=0)
    changeset = workflow.propose(release(CHANGED)).changeset
    assert changeset.status is ChangesetStatus.HELD
    service.override(workflow.context, changeset.id, by=ANN)
    [row] = rows(workflow, "zengin-hold", BEN, mine=True)
    assert (
        row.what
        == f"the release of {changeset.business_date} (2 rows) is held; accounts that must still override it: 1"
    )
    assert (row.not_by, row.until) == ((ANN,), None)
    assert rows(workflow, "zengin-hold", mine=True) == []
    assert rows(workflow, "zengin-review") == []


def test_what_is_approved_for_a_later_day_starts_at_midnight_in_japan(workflow: Workflow) -> None:
    workflow.load(SMALL)
    record = next(iter(workflow.records(workflow.propose(release(CHANGED)).changeset).values()))
    day = DAY + timedelta(days=30)
    service.approve(workflow.context, [record.id], by=ANN, not_before=day)
    [row] = rows(workflow, "zengin-scheduled")
    assert row.until == datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=9)
    assert str(row.then) == "they are applied, unless the approval is taken back before"
