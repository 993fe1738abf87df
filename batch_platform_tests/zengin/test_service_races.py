"""Approvers and producers at the same moment: each word counts once, each change is raised once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.core.failures import Conflict
from batch_platform.proving.processes import workers
from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Status, Verdict
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.zengin.service_fixtures import context, workflow
from batch_platform_tests.zengin.workers import produces
from batch_platform_tests.zengin.workflow import ANN, BEN, SMALL, Files, Workflow, release, written

__all__ = ["context", "workflow"]

CLOSED = {key: name for key, name in SMALL.items() if not key.startswith("0009")}


def at_once(calls: list[Callable[[], Any]]) -> list[str]:
    """How the calls end that begin together; who is told that something changed meanwhile looks and asks again."""
    together = threading.Barrier(len(calls))

    def end(call: Callable[[], Any]) -> str:
        together.wait(PATIENCE)
        for _ in range(20):
            try:
                call()
            except Conflict as conflict:
                if "changed meanwhile" not in conflict.message:
                    return conflict.message
            else:
                return "done"
        return "never done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(end, calls))


@pytest.mark.parametrize("by_row", [True, False], ids=["its rows", "the changeset"])
@pytest.mark.parametrize("accounts", [(ANN, BEN), (ANN, ANN)], ids=["two accounts", "one account twice"])
@pytest.mark.parametrize("needed", [1, 2])
def test_two_approve_at_once(workflow: Workflow, by_row: bool, accounts: tuple[str, str], needed: int) -> None:
    workflow.load(SMALL)
    files = release(CLOSED if needed == 2 else SMALL | {"0001-001": "東京", "0005-002": "大手町"})
    changeset = workflow.propose(files).changeset
    assert changeset.needs_approvals == needed
    ids = [record.id for record in workflow.records(changeset).values()]

    def approve(account: str) -> Callable[[], Any]:
        if by_row:
            return lambda: service.approve(workflow.context, ids, by=account)
        return lambda: workflow.approve(changeset, account)

    ends = at_once([approve(account) for account in accounts])
    assert "never done" not in ends
    given = {
        record.key: (record.status, [one.account for one in record.approvals])
        for record in workflow.records(changeset).values()
    }
    for status, who in given.values():
        assert len(set(who)) == len(who) == (min(needed, len(set(accounts))))
        assert status is (Status.APPROVED if len(who) == needed else Status.PENDING)
    whole = workflow.now(changeset)
    assert whole.status is (ChangesetStatus.APPROVED if len(who) == needed else ChangesetStatus.PENDING)
    assert len({one.account for one in whole.approvals}) == len(whole.approvals)
    assert workflow.apply() is not None if len(who) == needed else workflow.apply() is None
    assert workflow.holds(files if len(who) == needed else release(SMALL))


@pytest.mark.faults
@pytest.mark.parametrize("same", [True, False], ids=["the same release", "different releases"])
def test_processes_that_produce_at_once(workflow: Workflow, table: str, same: bool) -> None:
    """What is open afterwards is what the release that arrived last proposes, each change once."""
    workflow.load(SMALL)
    workflow.clock.pass_by(timedelta(days=1))
    rows = [SMALL | {"0001-001": "東京", "0005-002": f"大手町{0 if same else number}"} for number in range(3)]
    sources = [written(workflow.folder / f"race-{number}", release(one)) for number, one in enumerate(rows)]
    with workers(produces, table, workflow.clock.now.isoformat()) as waiting:
        children = [next(waiting) for _ in sources]
        for child in children:
            child.await_ready()
        for child, source in zip(children, sources, strict=True):
            child.begin(source)
        assert [child.ended() for child in children] == [[], [], []]
    workflow.clock.pass_by(timedelta(minutes=1))  # each child has looked at a clock of its own
    with workflow.context.store.snapshot() as session:
        snapshots = [one for one in session.snapshots_page(limit=9) if one.business_date == workflow.day]
    assert len(snapshots) == (1 if same else 3)
    newest: Files = release(rows[sources.index(snapshots[0].provenance.source)])
    final = service.propose(workflow.context, workflow.day).changeset
    assert (final.snapshot_hash, final.verdict, final.counts["rows"]) == (snapshots[0].id, Verdict.ACCEPTED, 2)
    pending, _ = service.records(workflow.context, Status.PENDING)
    assert sorted((one.changeset_id, one.key) for one in pending) == [
        (final.id, "0001-001"),
        (final.id, "0005-002"),
    ]
    workflow.approve(final)
    workflow.apply()
    assert workflow.holds(newest)
    assert len(workflow.history()) == len(SMALL) + 2
