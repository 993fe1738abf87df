"""Claims: one worker a file, a lease that ends, and a late worker that can do no harm."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from batch_platform.core.workers import worker_name
from batch_platform.finops import service
from batch_platform.finops.model import ClaimedFile, FileStatus
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.service.context import ATTEMPTS
from batch_platform.finops.store import Session
from batch_platform_tests.fault_proxy import Answer, Before, FaultProxy
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project, SteppingClock
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE, eventually

LEASE = timedelta(minutes=3)
CLAIMER = """
import sys
from datetime import UTC, datetime, timedelta
from batch_platform.core import postgres
from batch_platform.core.workers import worker_name
from batch_platform.finops.store import FinopsStore
from batch_platform.settings import load_settings

project_id, most = sys.argv[1], int(sys.argv[2])
pool = postgres.open_pool(load_settings().database_url.get_secret_value(), application_name="claimer")
store, owner = FinopsStore(pool), worker_name()
print("ready", flush=True)
sys.stdin.readline()
taken = 0
while taken < most:
    with store.transaction() as session:
        until = datetime(2100, 1, 1, tzinfo=UTC)
        files = session.claim(
            project_id=project_id, month=None, limit=1, shard_bytes=10**9, owner=owner, lease_expires_at=until
        )
    if not files:
        break
    taken += 1
    print(files[0].file_no, flush=True)
print("done", flush=True)
sys.stdin.readline()
"""


def deliver(project: Project, files: int, month: date = MONTH) -> None:
    project.bucket.deliver(month, [csv_gz([project.line("Usage", "1", month=month)])] * files)
    project.fetch(month)


def claim(session: Session, project: Project, **changes: Any) -> list[ClaimedFile]:
    wanted: dict[str, Any] = {
        "project_id": project.id,
        "month": None,
        "limit": 100,
        "shard_bytes": 10**9,
        "owner": "elsewhere/1/1/a",
        "lease_expires_at": project.context.clock() + LEASE,
    }
    return session.claim(**{**wanted, **changes})


def claim_now(project: Project, **changes: Any) -> list[ClaimedFile]:
    with project.context.store.transaction() as session:
        return claim(session, project, **changes)


def finish(project: Project, file: ClaimedFile) -> bool:
    with project.context.store.transaction() as session:
        return session.finish(file, key="k", sha256="0" * 64, row_count=1, stats={}, now=project.context.clock())


@contextmanager
def claimer(project: Project, most: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that claims up to `most` files once it is told to, then lives until it is told to end."""
    process = Fork("-c", CLAIMER, project.id, str(most), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def claimed_by(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(text) for text in iter(process.stdout.readline, "done\n")]


def test_claims_pass_over_what_another_transaction_is_claiming(project: Project) -> None:
    """Neither waits for the other, and no file is claimed twice."""
    deliver(project, 4)
    with project.context.store.transaction() as session:
        first = claim(session, project, limit=2)
        with ThreadPoolExecutor(1) as other:
            second = other.submit(claim_now, project, owner="elsewhere/2/2/b").result(PATIENCE)
    assert [file.file_no for file in first] == [0, 1]
    assert [file.file_no for file in second] == [2, 3]
    assert claim_now(project) == []


def test_threads_that_race_never_share_a_file(project: Project) -> None:
    deliver(project, 20)
    together = threading.Barrier(4)

    def race(worker: int) -> list[int]:
        together.wait(PATIENCE)
        taken: list[int] = []
        while files := claim_now(project, limit=1, owner=f"elsewhere/{worker}/1/a"):
            taken += [file.file_no for file in files]
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(race, range(4)) for number in numbers]
    assert sorted(taken) == list(range(20))


@pytest.mark.faults
def test_processes_that_race_never_share_a_file_and_a_killed_one_gives_its_files_back(project: Project) -> None:
    deliver(project, 30)
    with claimer(project, 30) as left, claimer(project, 10) as right:
        tell(left)
        tell(right)
        mine, theirs = claimed_by(left), claimed_by(right)
        assert sorted(mine + theirs) == list(range(30))
        project.context.free_dead_work()
        assert set(project.statuses()) == {"PROCESSING"}  # both live, and their leases last
        right.kill()
        right.wait()
        project.context.free_dead_work()
        states = project.statuses()
        assert [number for number, status in enumerate(states) if status == "PENDING"] == sorted(theirs)
        assert states.count("PROCESSING") == len(mine)
    project.context.free_dead_work()
    assert set(project.statuses()) == {"PENDING"}


def test_claims_take_the_oldest_month_first_and_keep_to_the_limit(project: Project) -> None:
    september = date(2024, 9, 1)
    deliver(project, 2)
    deliver(project, 2, month=september)
    places = [(file.month, file.file_no) for file in claim_now(project, limit=3)]
    assert places == [(september, 0), (september, 1), (MONTH, 0)]
    assert [file.month for file in claim_now(project, month=september)] == []
    assert [file.file_no for file in claim_now(project, month=MONTH)] == [1]


def test_a_shard_ends_where_its_bytes_do_but_holds_one_file(project: Project) -> None:
    deliver(project, 5)
    size = project.files()[0]["size_bytes"]
    assert len(claim_now(project, shard_bytes=1)) == 1
    assert len(claim_now(project, shard_bytes=size + 1)) == 2
    assert len(claim_now(project, shard_bytes=size * 2)) == 2


def test_the_limit_of_a_job_counts_over_its_shards(project: Project) -> None:
    deliver(project, 5)
    outcome = project.read(context=replace(project.context, shard_bytes=1), limit=3)
    assert (outcome.claimed, outcome.done) == (3, 3)
    assert project.statuses() == ["DONE"] * 3 + ["PENDING"] * 2


def test_a_claim_says_who_holds_the_file_and_until_when(project: Project) -> None:
    deliver(project, 1)
    [claimed] = claim_now(project)
    [file] = project.files()
    assert (file["status"], file["owner"], file["attempts"]) == ("PROCESSING", "elsewhere/1/1/a", 1)
    assert file["lease_expires_at"] > project.context.clock()
    assert claimed.fencing > 0


def test_a_lease_that_ran_out_gives_the_file_back(project: Project, clock: SteppingClock) -> None:
    deliver(project, 1)
    claim_now(project)
    clock.pass_by(LEASE - timedelta(seconds=1))
    project.context.free_dead_work()
    assert project.statuses() == ["PROCESSING"]
    clock.pass_by(timedelta(seconds=2))
    project.context.free_dead_work()
    assert project.statuses() == ["PENDING"]


def test_a_late_worker_can_neither_finish_nor_give_back(project: Project, clock: SteppingClock) -> None:
    deliver(project, 1)
    [late] = claim_now(project)
    clock.pass_by(2 * LEASE)
    project.context.free_dead_work()
    assert not finish(project, late)  # it belongs to nobody now
    [holder] = claim_now(project, owner="elsewhere/2/2/b")
    assert holder.fencing > late.fencing
    assert not finish(project, late)
    with project.context.store.transaction() as session:
        assert not session.give_back(late, FileStatus.ERROR, "late")
    assert project.statuses() == ["PROCESSING"]
    assert project.files()[0]["owner"] == "elsewhere/2/2/b"
    assert finish(project, holder)
    assert not finish(project, holder)
    assert project.statuses() == ["DONE"]


def test_the_lease_of_a_worker_at_work_is_renewed(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, 1)
    seen: list[Any] = []

    def renewed() -> bool:
        seen.append(project.files()[0]["lease_expires_at"])
        return len(set(seen)) >= 3

    proxy.add(Before("/first/", action=lambda: eventually(renewed, pause=0)))
    outcome = project.read(context=replace(through_proxy, lease=timedelta(seconds=0.15)))
    assert len(set(seen)) >= 3
    assert (outcome.done, outcome.lost) == (1, 0)


def test_a_file_superseded_while_it_is_read_is_lost_and_nothing_else(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, 1)

    def supersede() -> None:
        project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "5")])], assembly="second")
        project.fetch()

    proxy.add(Before("/first/", action=supersede))
    outcome = project.read(context=through_proxy)
    assert outcome.lost == 1
    assert project.statuses() == ["SUPERSEDED", "DONE"]
    assert project.publish().costs["unblended"].to_list() == [5]


def test_a_month_in_other_hands_is_not_offered(project: Project, clock: SteppingClock) -> None:
    deliver(project, 2)
    [offered] = project.context.months_to_aggregate(project.id)
    assert (offered.month, offered.total_bytes) == (MONTH, sum(file["size_bytes"] for file in project.files()))
    assert project.context.months_to_aggregate(project.id, quiet_for=timedelta(minutes=5)) == []
    clock.pass_by(timedelta(minutes=6))
    assert project.context.months_to_aggregate(project.id, quiet_for=timedelta(minutes=5)) == [offered]
    claim_now(project, limit=1)
    assert project.context.months_to_aggregate(project.id) == []
    clock.pass_by(2 * LEASE)
    [again] = project.context.months_to_aggregate(project.id)
    assert again.attempts > offered.attempts  # so that a new run may be asked for


def test_a_month_is_offered_until_its_tables_and_its_insight_stand(project: Project) -> None:
    def offered() -> list[date]:
        return [month.month for month in project.context.months_to_aggregate(project.id)]

    deliver(project, 1)
    project.read()
    assert offered() == [MONTH]
    project.publish()
    service.compute_anomalies(project.context, project.id, MONTH)
    assert offered() == [MONTH]
    service.compute_forecast(project.context, project.id, MONTH)
    assert offered() == []


def test_a_failure_that_may_pass_is_tried_again_until_it_is_an_error(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, 1)
    proxy.add(Answer("/first/", status=503, times=10**6))
    for attempt in range(1, ATTEMPTS + 1):
        assert project.statuses() == ["PENDING"]
        outcome = project.read(context=through_proxy)
        assert project.files()[0]["attempts"] == attempt
    assert len(outcome.errors) == 1
    [file] = project.files()
    assert (file["status"], file["owner"]) == ("ERROR", None)
    assert file["error_message"].startswith(f"{project.bucket.uri(file['object_key'])}: ")


def test_a_requeued_file_has_all_its_attempts_again(
    project: Project, through_proxy: FinopsContext, proxy: FaultProxy
) -> None:
    deliver(project, 1)
    proxy.add(Answer("/first/", status=503, times=10**6))
    while project.statuses() == ["PENDING"]:
        project.read(context=through_proxy)
    with project.context.store.transaction() as session:
        session.requeue(session.files_to_requeue(project.id, None))
    project.read(context=through_proxy)
    assert project.statuses() == ["PENDING"]


def test_a_workers_name_tells_processes_apart() -> None:
    assert worker_name() != worker_name()
    assert f"/{os.getpid()}/" in worker_name()


def test_a_reader_leaves_nothing_behind(project: Project, tmp_path: Path) -> None:
    deliver(project, 2)
    context = replace(project.context, scratch=tmp_path)
    project.read(context=context)
    project.publish(context=context)
    assert list(tmp_path.iterdir()) == []
