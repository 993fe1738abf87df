"""The two schedules of the spec, switched on by the environment, with the real daemon and a cron of every minute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from batch_platform.finops import service
from batch_platform_tests.end_to_end.machine import Machine, ended_months, month_files
from batch_platform_tests.end_to_end.stack import Stack, eventually

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

EVERY_MINUTE = {
    "CUR_BATCH_SCHEDULER_ENABLED": "true",
    "CUR_FETCH_CRON": "* * * * *",
    "CUR_AGGREGATE_CRON": "* * * * *",
}


@pytest.fixture(scope="module")
def scheduled(machine: Machine) -> Iterator[Stack]:
    """Both schedules run, the sensor does not; no project of another test is polled, nor these by another test."""
    machine.disable_projects()
    with Stack(machine, {**machine.addresses(), **EVERY_MINUTE}) as stack:
        stack.stop_sensor()
        yield stack
        machine.disable_projects()
        stack.start_sensor()


def test_fetch_and_aggregate_run_by_the_clock(machine: Machine, scheduled: Stack) -> None:
    """At the same minute one project's delivery is registered and another's, registered before, is published."""
    first, second = ended_months(2)
    delivered, registered = machine.bucket(), machine.bucket()
    files, total = month_files(first, account="200000000050", files=2)
    registered.deliver(first, files)
    machine.add_project("registered", registered.name)
    with machine.work() as work:
        service.fetch_month(work, work.connection("registered"), first)
    machine.let_time_pass("registered")
    for month in (first, second):
        delivered.deliver(month, month_files(month, account="200000000051", files=2)[0])
    machine.add_project("delivered", delivered.name)

    fetched = eventually(lambda: ended(scheduled, "delivered", "cur_fetch"), seconds=150)
    assert fetched[0]["status"] == "SUCCESS"
    query = (
        "SELECT billing_month, status, count(*) FROM finops.finops_billing_files WHERE project_id = 'delivered' "
        "GROUP BY 1, 2 ORDER BY 1"
    )
    assert machine.rows(query) == [(first, "PENDING", 2), (second, "PENDING", 2)]

    (aggregated,) = eventually(lambda: ended(scheduled, "registered", "cur_aggregate"), seconds=150)
    assert aggregated["status"] == "SUCCESS"
    assert aggregated["tags"]["finops/month"] == f"{first:%Y-%m}"
    assert machine.total("registered", first) == total


def ended(stack: Stack, project_id: str, job: str) -> list[dict[str, Any]]:
    return [run for run in stack.ended(project_id) if run["jobName"] == job]
