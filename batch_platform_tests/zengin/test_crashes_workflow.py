"""kill -9 at every step of snapshot, diff, approval and apply: run again, the workflow ends as if undisturbed."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from batch_platform.zengin import service
from batch_platform.zengin.model import ChangesetStatus, Record, Status
from batch_platform_tests.zengin import workflow_worker
from batch_platform_tests.zengin.service_fixtures import context, work
from batch_platform_tests.zengin.workflow import SMALL, Work, release, written
from batch_platform_tests.zengin.workflow_worker import PROCESSES, exit_codes

__all__ = ["context", "work"]

pytestmark = pytest.mark.faults

STEPS_AT_MOST = 120


def rows(number: int) -> dict[str, str]:
    """The release of a day: renamed branches, and a bank that comes and goes with its branch."""
    there = {
        key: f"{name}{number}" if "-" in key else name for key, name in SMALL.items() if number % 2 or key < "0009"
    }
    return there | {"0033": f"銀行{number}", f"0033-{number:03d}": f"支店{number}"}


@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_killed_workflow_goes_on_where_it_was(work: Work, table: str, start: int) -> None:
    """Every third step from each start, so that the three tests share the steps of one release between them."""
    work.load(SMALL)
    killed = 0
    for number in range(start, STEPS_AT_MOST, 3):
        work.clock.pass_by(timedelta(days=1))
        files = release(rows(number))
        source = written(work.folder / f"killed-{number}", files)
        child = PROCESSES.Process(target=workflow_worker.killed, args=(table, source, work.clock.now, number))
        [ended] = exit_codes(child)
        work.clock.pass_by(timedelta(minutes=1))  # the child has looked at a clock of its own
        assert ended in (0, -signal.SIGKILL), f"killed at step {number}"
        if ended != 0:
            killed += 1
            workflow_worker.work(replace(work.context, progress=lambda _: None), source, work.day)
        assert work.holds(files), f"killed at step {number}"
        if ended == 0:
            break
    assert killed >= 8
    assert ended == 0, "there are more steps than were tried"
    assert_whole(work)


def assert_whole(work: Work) -> None:
    """Each record completed once, its audit without a gap, history equal to what was proposed."""
    changesets, _ = service.changesets(work.context, limit=500)
    assert {one.status for one in changesets} == {ChangesetStatus.APPLIED}
    history = work.history()
    assert len(history) == sum(one.counts["rows"] for one in changesets)
    service.sweep(work.context)  # a kill after the last move leaves its audit to the sweeper
    for changeset in changesets:
        for record in service.records_of(work.context, changeset.id):
            assert record.status is Status.COMPLETED
            assert_audited(work, record)
    for status in (Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED):
        assert service.records(work.context, status)[0] == []
    assert all(check.passed for check in service.check_master(work.context))


def assert_audited(work: Work, record: Record) -> None:
    with work.context.store.snapshot() as session:
        versions = [row["version"] for row in session.transitions("record", record.id)]
    assert versions == list(range(1, record.version + 1)), record.id
