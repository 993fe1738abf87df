"""`up` with the real processes, killed one after another."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from batch_platform.core.failures import Conflict, PermanentFailure
from batch_platform.local import dagster_processes, up
from batch_platform.local.doctor import doctor
from batch_platform.local.environment import VARIABLES
from batch_platform.local.home import Home
from batch_platform.local.processes import Process, accepts, answers
from batch_platform.local.programs import Program
from batch_platform.local.state import supervisor_runs
from batch_platform.settings import Settings, load_settings
from batch_platform_tests.local.conftest import LocalHome
from batch_platform_tests.site import token
from batch_platform_tests.waiting import PATIENCE, eventually

DEFINITIONS = "import dagster as dg\n\n@dg.asset\ndef small(): ...\n\ndefs = dg.Definitions(assets=[small])\n"
WORKERS = """
import os
from pathlib import Path

from batch_platform.kit.workers import Worker

def rounds(settings, life):
    while not life.wait(0.1):
        Path(settings.home, f"rounds-{os.getpid()}").touch()
    Path(settings.home, f"ended-{os.getpid()}").touch()

WORKERS = (Worker("counting", "Counts its rounds.", rounds, count=2),)
"""
ENTRY = """
import small_workers
from batch_platform.kit import workers
from batch_platform.cli import app, main
from batch_platform.settings import load_settings
app.registered_groups = [group for group in app.registered_groups if group.name != "workers"]
app.add_typer(workers.commands(lambda: small_workers.WORKERS, load_settings), name="workers")
main()
"""
RUN = """
from batch_platform.local import up
from batch_platform.settings import load_settings
from small_workers import WORKERS
up.run(load_settings(), port={port}, progress=lambda line: print(line, flush=True), module="small_definitions",
       workers=WORKERS, entry={entry!r})
"""
QUERY = (
    "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus"
    " locationOrLoadError { __typename } } } } }"
)


@dataclass
class Running:
    process: subprocess.Popen[str]
    home: Home
    output: Path
    definitions: Path

    def said(self, text: str) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return text in self.output.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        up.stop_orphans(self.home)

    def kill(self, name: str) -> Process:
        process = up.UpState.load(self.home).processes[name]
        process.send(signal.SIGKILL)
        return process

    def restarted(self, name: str, dead: Process) -> bool:
        return up.UpState.load(self.home).processes.get(name) not in (None, dead)

    def round(self, worker: str) -> Path:
        """What a worker of the test leaves of its rounds."""
        return self.home.root / f"rounds-{up.UpState.load(self.home).processes[worker].pid}"

    def answers(self, path: str) -> bool:
        port = urlsplit(up.UpState.load(self.home).url or "").port
        return port is not None and answers(port, path)

    def location(self) -> str:
        """What the web's Dagster has to say about the code location."""
        (entry,) = self.ask(QUERY)["workspaceOrError"]["locationEntries"]
        return f"{entry['name']} {entry['loadStatus']} {entry['locationOrLoadError']['__typename']}"

    def assets(self) -> list[str]:
        return [
            node["assetKey"]["path"][-1] for node in self.ask("{ assetNodes { assetKey { path } } }")["assetNodes"]
        ]

    def ask(self, query: str) -> dict[str, Any]:
        url = f"{up.UpState.load(self.home).url}/dagster/graphql"
        body = json.dumps({"query": query}).encode()
        headers = {"content-type": "application/json", "authorization": f"Bearer {token(self.home, 'viewer')}"}
        request = urllib.request.Request(url, body, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
        return data


def start(local: LocalHome, directory: Path, port: int) -> Running:
    definitions = directory / "small_definitions.py"
    definitions.write_text(DEFINITIONS)
    (directory / "small_workers.py").write_text(WORKERS)
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environ |= {"BATCH_PLATFORM_HOME": str(local.home.root), "PYTHONPATH": str(directory)}
    output = directory / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN.format(port=port, entry=ENTRY)],
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Running(process, local.home, output, definitions)


@pytest.fixture
def running(local_home: LocalHome, tmp_path: Path) -> Iterator[Running]:
    """A running `up`, whose port somebody else has taken.

    The one it has chosen instead is held from then on: long before the web answers, nobody else can take it and be
    announced as ours.
    """
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        found = start(local_home, tmp_path, squatter.getsockname()[1])
        try:
            eventually(lambda: found.said("starting the Dagster code server"))
            chosen = re.search(r"is taken, the web listens on ([0-9]+)", output := found.output.read_text())
            assert chosen, output
            assert "ready: http" not in output
            with pytest.raises(OSError, match="in use"):
                socket.create_server(("127.0.0.1", int(chosen[1])))
            eventually(lambda: found.said(f"ready: http://127.0.0.1:{chosen[1]}"))
            yield found
        finally:
            found.stop()


@pytest.mark.faults
@pytest.mark.end_to_end
def test_what_is_killed_comes_back(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    eventually(lambda: running.said("sign in as admin with the password "))
    assert running.location() == "batch_platform LOADED RepositoryLocation"
    code_port = up.UpState.load(running.home).code_port
    assert code_port is not None

    monkeypatch.setenv("BATCH_PLATFORM_HOME", str(running.home.root))
    with pytest.raises(Conflict, match=r"up already runs for .*: http://127\.0\.0\.1"):
        up.run(load_settings(), port=8000, progress=lambda _: None)

    running.definitions.write_text(DEFINITIONS.replace("small", "later"))
    dead = running.kill("code-server")
    eventually(lambda: running.restarted("code-server", dead) and accepts(code_port))
    eventually(lambda: running.assets() == ["later"])
    assert running.location() == "batch_platform LOADED RepositoryLocation"

    dead = running.kill("daemon")
    eventually(lambda: running.restarted("daemon", dead))

    dead = running.kill("web")
    eventually(lambda: running.restarted("web", dead) and running.answers("/health/live"))
    assert running.location() == "batch_platform LOADED RepositoryLocation"

    # the resident workers, as many as are declared, which end by themselves when they are told to
    worker = "worker-counting-2"
    dead = running.kill(worker)
    eventually(lambda: running.restarted(worker, dead) and running.round(worker).exists())
    found = {check.name: check.hint for check in doctor(load_settings()).checks if check.name.startswith("worker")}
    assert found == {"worker-counting-1": None, worker: None}

    processes = up.UpState.load(running.home).processes.values()
    workers = up.workers_of(running.home).values()
    for name, process in up.UpState.load(running.home).processes.items():
        environ = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert (b"BATCH_PLATFORM_SECRET=" in environ) == (name == "web")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(PATIENCE) == 0
    assert not any(process.alive() for process in processes)
    assert all((running.home.root / f"ended-{process.pid}").exists() for process in workers)
    assert not supervisor_runs(running.home)


@pytest.mark.faults
def test_processes_of_a_killed_up_are_ended(local_home: LocalHome, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as left:
        process = Process.of(left.pid)
        assert process is not None
        local_home.home.create()
        up.UpState(processes={"daemon": process}).save(local_home.home)
        assert up.stop_orphans(local_home.home) == ["daemon"]
    assert not process.alive()


@pytest.mark.faults
def test_a_process_that_keeps_dying_ends_up_with_the_name_of_its_log(
    services: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(home: Home, *_: object) -> Program:
        log = home.logs / "code-server.log"
        return Program("code-server", ("/bin/false",), {}, home.root, log, 0, ready=lambda: False)

    monkeypatch.setattr(dagster_processes, "code_server", broken)
    monkeypatch.setattr(up, "_GIVE_UP_AFTER", 2)
    said: list[str] = []
    handlers = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(PermanentFailure, match=r"code-server\.log; it failed 3 times, giving up"):
            up.run(settings, port=8000, progress=said.append)
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
    assert said[-1] == "stopping"
    assert supervisor_runs(Home(settings.home))  # the services were running before, so they still do


def test_up_is_for_the_local_environment(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_ENV", "prod")
    with pytest.raises(Conflict, match="local environment only"):
        up.run(load_settings(), port=8000, progress=lambda _: None)
