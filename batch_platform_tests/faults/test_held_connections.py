"""More connections than the web may open files, none of which asks anything: it and its monitor go on."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from batch_platform_tests.end_to_end.machine import Machine
from batch_platform_tests.faults.conftest import FILES_AT_MOST
from batch_platform_tests.site import Site
from batch_platform_tests.waiting import eventually

pytestmark = pytest.mark.faults

HELD = 1_300


@pytest.fixture
def many_files() -> Iterator[None]:
    """Our own ends of the connections are open files too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, HELD + 1_000)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_web_may_open_as_many_files_as_its_surroundings_allow(site: Site) -> None:
    limits = Path(f"/proc/{site.processes['web'].pid}/limits").read_text()
    [line] = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert line.split()[3:5] == [str(FILES_AT_MOST)] * 2


def test_held_connections_stop_neither_the_web_nor_the_monitor(
    machine: Machine, site: Site, many_files: None
) -> None:
    process = site.processes["web"]
    address = site.listener.getsockname()
    with ExitStack() as held, site.client("viewer") as client:
        for number in range(HELD):
            caller = held.enter_context(socket.create_connection(address))
            if number % 2:
                caller.sendall(b"GET /health/live HTTP/1.1\r\nhost:")
        assert client.get("/api/admin/batch/jobs").status_code == 200
        before = eventually(lambda: last_passes(machine))
        eventually(lambda: last_passes(machine) > before)
        assert len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < FILES_AT_MOST
    assert process.alive()


def last_passes(machine: Machine) -> list[tuple[datetime]]:
    """When the monitor passed last; nothing before its first time."""
    return machine.rows("SELECT at FROM operations.marks WHERE name = 'monitor pass'")
