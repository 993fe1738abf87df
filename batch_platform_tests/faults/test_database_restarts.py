"""PostgreSQL restarted under a web at work: its next answer is as ever, and meanwhile it says when to come again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from batch_platform.btc import service as btc
from batch_platform.local import clients
from batch_platform_tests.end_to_end.machine import LAKE, Machine
from batch_platform_tests.faults.conftest import kill_postgres
from batch_platform_tests.site import Site
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.faults

JOBS = "/api/admin/batch/jobs"
BATCHES = "/api/admin/batch-operations"
DRY_RUN = {"parameters": {"dryRun": True, "targetDate": "2026-10-01"}}
RUNS = {"query": "{ runsOrError { __typename } }"}


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """An administrator's, for whom every pool of the web has connected, and whose code server has loaded."""
    with site.client("administrator") as client:
        eventually(lambda: client.get("/health/ready").json()["checks"]["code_server"] == "up")
        assert client.get(JOBS).status_code == 200
        assert client.post("/dagster/graphql", json=RUNS).json()["data"]["runsOrError"]["__typename"] == "Runs"
        yield client


def test_the_first_write_after_a_restart_is_accepted_and_its_run_is_asked_for(
    machine: Machine, client: httpx.Client
) -> None:
    dynamodb = clients.dynamodb(machine.variables)
    btc.seed_users(btc.build_context(dynamodb=dynamodb, s3=machine.s3, lake_bucket=LAKE, env="local"), 20, by="ann")
    kill_postgres(machine)
    answer = client.post(BATCHES, json={"adjustment_rate": 1})
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "processing"), answer.text
    assert ("btc_adjustment", "QUEUED") in machine.dagster_runs()


def test_whatever_is_asked_meanwhile_is_answered_or_told_when_to_come_again(
    machine: Machine, client: httpx.Client
) -> None:
    stop, answers = threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            key = {"Idempotency-Key": str(uuid4())}
            answers.append(client.post(f"{JOBS}/cur-aggregate/execute", json=DRY_RUN, headers=key))
            answers.append(client.get(JOBS))
            answers.append(client.get("/console/jobs", headers={"accept": "text/html"}))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(2):
            kill_postgres(machine)
    finally:
        stop.set()
        thread.join()
    told = {(answer.request.url.path, answer.status_code, answer.headers.get("Retry-After")) for answer in answers}
    assert {status for _, status, _ in told} <= {200, 202, 503}, told
    assert [one for one in told if one[1] == 503 and one[2] is None] == []
