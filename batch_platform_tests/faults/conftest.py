"""One machine for what is killed and raced, and a project on it with what an undisturbed run makes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from batch_platform.finops import service
from batch_platform.local.home import REPOSITORY
from batch_platform.local.state import State
from batch_platform_tests.end_to_end.machine import Machine, ended_months, month_files, running
from batch_platform_tests.end_to_end.stack import QUICK
from batch_platform_tests.finops.bucket import CurBucket
from batch_platform_tests.site import Site
from batch_platform_tests.waiting import PATIENCE, eventually

FILES = 8
FILES_AT_MOST = 1_100
"""Open ones, of the web."""


@dataclass
class Case:
    """A project whose month is delivered in eight files; the tables as an undisturbed run leaves them."""

    machine: Machine
    project: str
    account: str
    bucket: CurBucket
    month: date
    total: Decimal
    undisturbed: dict[str, list[str]] = field(default_factory=dict)

    def worker(self, *options: str, more: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """A process that reads and publishes the month by the service alone (see worker.py)."""
        script = str(Path(__file__).with_name("worker.py"))
        addresses = {**self.machine.addresses(), **(more or {})}
        return self.machine.spawn(script, self.project, f"{self.month:%Y-%m}", *options, more=addresses)

    def register(self) -> None:
        with self.machine.open_context() as context:
            service.fetch_month(context, context.connection(self.project), self.month)

    def deliver_newer(self) -> Decimal:
        """Another assembly of the month, in two files and dearer; what it costs."""
        files, total = month_files(self.month, account=self.account, files=2, tenths=9)
        self.bucket.deliver(self.month, files, assembly="newer")
        return total

    def statuses(self) -> list[str]:
        """Of the files, in order of registration."""
        query = "SELECT status FROM finops.finops_billing_files WHERE project_id = %s ORDER BY registered_at, file_no"
        return [status for (status,) in self.machine.rows(query, self.project)]

    def count(self, status: str) -> int:
        return self.statuses().count(status)

    def published(self) -> Decimal | None:
        return self.machine.total(self.project, self.month)

    def assert_as_undisturbed(self) -> None:
        """Every table and the lake, byte for byte."""
        dumped = self.machine.dump(self.project)
        assert [table for table, rows in self.undisturbed.items() if rows != dumped[table]] == []
        assert self.published() == self.total


@pytest.fixture(scope="package")
def machine(clean_environment: None) -> Iterator[Machine]:
    with running() as machine:
        yield machine


@pytest.fixture(scope="package")
def prepared(machine: Machine) -> Case:
    case = new_case(machine, "raced", account="200000000040")
    machine.cli("cur", "fetch", case.project)
    machine.cli("cur", "aggregate", case.project)
    assert case.statuses() == ["DONE"] * FILES
    assert case.published() == case.total
    case.undisturbed = machine.dump(case.project)
    assert all(case.undisturbed[table] for table in ("finops_cost_summary", "finops_cost_forecasts", "lake"))
    return case


@pytest.fixture
def case(prepared: Case) -> Case:
    """The project as before its first fetch."""
    prepared.machine.forget()
    return prepared


@pytest.fixture(scope="package")
def site(machine: Machine) -> Iterator[Site]:
    """The web and a code server on the machine; the web may open few files."""
    limits = f"ulimit -Sn 256; ulimit -Hn {FILES_AT_MOST}"
    with Site(machine.home, machine.variables, QUICK, REPOSITORY, limits) as site:
        yield site


@pytest.fixture
def moving(machine: Machine) -> Case:
    """A project of a test's own, registered, whose bucket the test may change."""
    number = uuid4().int
    case = new_case(machine, f"moving-{number % 10**9}", account=f"{number % 10**12:012d}")
    case.register()
    return case


def new_case(machine: Machine, project: str, *, account: str) -> Case:
    [month] = ended_months(1)
    bucket = machine.bucket()
    files, total = month_files(month, account=account, files=FILES, rows=1200)
    bucket.deliver(month, files)
    machine.add_project(project, bucket.name)
    return Case(machine, project, account, bucket, month, total)


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9 of the process with its children, as when memory runs out or the machine goes."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)


def kill_postgres(machine: Machine) -> None:
    """kill -9 of the server; returns when the supervisor has another one ready."""
    dead = State.load(machine.home).services["postgres"].process
    assert dead is not None
    dead.send(signal.SIGKILL)

    def restarted() -> bool:
        state = State.load(machine.home)
        return state.services["postgres"].process not in (None, dead) and state.ready(frozenset({"postgres"}))

    eventually(restarted)


def answer(process: subprocess.Popen[str], *, code: int = 0) -> dict[str, Any]:
    """What a worker printed at its end."""
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, printed
    outcome: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return outcome


def await_stopped(process: subprocess.Popen[str]) -> None:
    """Until a worker has paused itself."""

    def stopped() -> bool:
        assert process.poll() is None, process.communicate()
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    eventually(stopped, pause=0.005)
