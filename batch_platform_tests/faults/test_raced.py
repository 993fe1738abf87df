"""Workers that meet: racing for the same files, paused beyond their lease, overtaken by a newer delivery."""

from __future__ import annotations

import os
import signal
from decimal import Decimal

import pytest

from batch_platform_tests.end_to_end.machine import Machine
from batch_platform_tests.fault_proxy import Before, FaultProxy
from batch_platform_tests.faults.conftest import FILES, Case, answer, await_stopped, kill, new_case
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.faults


def test_two_workers_share_a_month(case: Case) -> None:
    """Let go at the same moment, each takes a file at a time until none is left."""
    case.register()
    racers = [case.worker("--shard", "1", "--stop", "before-reading") for _ in range(2)]
    for process in racers:
        await_stopped(process)
    for process in racers:
        os.kill(process.pid, signal.SIGCONT)
    ended = [answer(process) for process in racers]
    assert sum(end["done"] for end in ended) == FILES
    assert [end["lost"] for end in ended] == [0, 0]
    assert sum(end["changed"] for end in ended) == 1
    attempts = "SELECT DISTINCT attempts, fencing FROM finops.finops_billing_files WHERE project_id = %s"
    assert case.machine.rows(attempts, case.project) == [(1, 1)]
    case.assert_as_undisturbed()


@pytest.mark.parametrize("point", ["after-file", "before-finish"])
def test_a_worker_paused_beyond_its_lease_does_no_harm(case: Case, point: str) -> None:
    case.register()
    late = case.worker("--lease", "1", "--stop", point)
    try:
        await_stopped(late)
        finished_before = case.count("DONE")
        assert case.count("PROCESSING") == FILES - finished_before
        eventually(lambda: leases_are_over(case))
        other = answer(case.worker())
        assert (other["done"], other["changed"]) == (FILES - finished_before, True)
        published_at = case.machine.value("SELECT published_at FROM finops.finops_months")
        case.assert_as_undisturbed()

        os.kill(late.pid, signal.SIGCONT)
        ended = answer(late)
    finally:
        kill(late)
    assert (ended["done"], ended["lost"]) == (finished_before, FILES - finished_before)
    assert not ended["changed"]
    assert case.machine.value("SELECT published_at FROM finops.finops_months") == published_at
    case.assert_as_undisturbed()
    # what the late one wrote into the lake again is what was recorded: the month can be computed again
    assert answer(case.worker())["published"]


def test_a_worker_paused_before_publication_never_brings_an_old_delivery_back(moving: Case) -> None:
    late = moving.worker("--stop", "before-publication")
    try:
        await_stopped(late)
        newer = moving.deliver_newer()
        moving.register()
        assert answer(moving.worker())["changed"]
        before = moving.machine.dump(moving.project)
        os.kill(late.pid, signal.SIGCONT)
        assert not answer(late)["changed"]
    finally:
        kill(late)
    assert moving.machine.dump(moving.project) == before
    assert moving.published() == newer


def test_a_worker_paused_while_it_reads_is_overtaken_by_a_newer_delivery(moving: Case) -> None:
    late = moving.worker("--stop", "before-finish")
    try:
        await_stopped(late)
        newer = moving.deliver_newer()
        moving.register()
        assert answer(moving.worker())["changed"]
        before = moving.machine.dump(moving.project)
        os.kill(late.pid, signal.SIGCONT)
        ended = answer(late)
    finally:
        kill(late)
    assert (ended["done"], ended["lost"], ended["changed"]) == (0, FILES, False)
    assert moving.statuses() == ["SUPERSEDED"] * FILES + ["DONE", "DONE"]
    assert moving.published() == newer
    assert moving.machine.dump(moving.project)["lake"] == before["lake"]


def test_a_manifest_that_moves_while_it_is_read_gives_the_newer_delivery(machine: Machine) -> None:
    """Between a worker's HEAD and its GET, AWS writes the next assembly."""
    case = new_case(machine, "moved", account="200000000041")
    manifest = case.bucket.legacy_manifest(case.month)
    newer: list[Decimal] = []
    with FaultProxy(machine.variables["AWS_ENDPOINT_URL"]) as proxy:
        proxy.add(Before(manifest, action=lambda: newer.append(case.deliver_newer())))
        assert answer(case.worker("--fetch", more={"AWS_ENDPOINT_URL": proxy.url}))["changed"]
        gets = [request.status for request in proxy.requests if request.method == "GET" and manifest in request.path]
    assert gets == [412, 206]
    assert case.statuses() == ["DONE", "DONE"]
    assert [case.published()] == newer


def test_a_manifest_that_moves_while_its_files_are_read_is_not_published(moving: Case) -> None:
    """The old files are still there, whole and readable: they are read, and nothing of them is shown."""
    newer: list[Decimal] = []
    with FaultProxy(moving.machine.variables["AWS_ENDPOINT_URL"]) as proxy:
        proxy.add(Before("/first/", action=lambda: newer.append(moving.deliver_newer()), nth=FILES))
        refused = answer(moving.worker(more={"AWS_ENDPOINT_URL": proxy.url}), code=1)
    assert refused["error"].startswith(f"{moving.project} {moving.month:%Y-%m}: the manifest moved meanwhile")
    assert moving.published() is None
    moving.register()
    assert answer(moving.worker())["changed"]
    assert moving.statuses() == ["SUPERSEDED"] * FILES + ["DONE", "DONE"]
    assert [moving.published()] == newer


def leases_are_over(case: Case) -> bool:
    query = "SELECT count(*) FROM finops.finops_billing_files WHERE lease_expires_at >= clock_timestamp()"
    return bool(case.machine.value(query) == 0)
