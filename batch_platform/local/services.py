"""Start, ask and stop the embedded services of a home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from batch_platform.core.failures import TransientFailure
from batch_platform.core.file_locks import locked
from batch_platform.local import aws, mail, postgres, tools
from batch_platform.local.environment import environment, merged, missing_services
from batch_platform.local.home import REPOSITORY, Home, last_line, write_atomically
from batch_platform.local.processes import Process, started_as
from batch_platform.local.state import ALL, State, supervisor_runs
from batch_platform.local.tools import Progress
from batch_platform.operations.dagster.instance import dagster_yaml
from batch_platform.settings import Settings

_START_SECONDS = 180
_TRIES = 3


def ensure_running(
    settings: Settings,
    progress: Progress = lambda _: None,
    *,
    owner: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Start what the environment does not point at; returns the variables to apply to it.

    Nothing is ever started for dev or prod: their environment names real services.
    """
    if settings.env != "local":
        return {}
    home = Home(settings.home).create()
    names = missing_services(environ)
    state = start(home, names, progress, owner=owner) if names else State()
    variables = merged(environment(home, state), environ)
    if "DAGSTER_HOME" in variables:
        _configure_dagster(home, settings)
    return variables


def start(home: Home, names: frozenset[str], progress: Progress, *, owner: int | None = None) -> State:
    """Bring these services up and wait until each answers; what runs already is left as it is."""
    home.create()
    with locked(home.root / "start.lock"):
        state = _settled(home)
        if supervisor_runs(home) and state.ready(names):
            return state
        _install(home, names, progress)
        if supervisor_runs(home) and not names <= set(state.services):
            names = names | set(state.services)
            _stop_supervisor(home)
        child = None if supervisor_runs(home) else _spawn(home, names, owner)
        progress("starting " + ", ".join(name for name in ALL if name in names))
        return _await_ready(home, names, child)


def stop(home: Home) -> list[str]:
    """Stop the supervisor and every service of the home, orphans too; returns what was running."""
    if not home.root.exists():
        return []
    with locked(home.root / "start.lock"):
        return _stop_supervisor(home)


def _install(home: Home, names: frozenset[str], progress: Progress) -> None:
    if "aws" in names:
        tools.install_ministack(progress)
    if "dynamodb" in names:
        tools.choose_dynamodb(aws.backend_marker(home), progress)
    if "postgres" in names:
        postgres.binary("postgres")
    if "mail" in names:
        mail.require()


def _spawn(home: Home, names: frozenset[str], owner: int | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "batch_platform.local.daemon", "--home", str(home.root), "--services"]
    command += [name for name in ALL if name in names]
    if owner is not None:
        command += ["--owner", str(owner)]
    with (home.logs / "supervisor.log").open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await_ready(home: Home, names: frozenset[str], child: subprocess.Popen[bytes] | None) -> State:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        state = State.load(home)
        current = child is None or (state.supervisor is not None and state.supervisor.pid == child.pid)
        if current and state.ready(names):
            return state
        if child is not None and child.poll() is not None:
            log = home.logs / "supervisor.log"
            raise TransientFailure(
                "supervisor-ended",
                "the services' supervisor ended: {reason}; see {log}",
                reason=last_line(log),
                log=log,
            )
        hopeless = [service.error for service in state.services.values() if service.failures > _TRIES]
        if current and hopeless:
            raise TransientFailure("services-hopeless", "{reasons}", reasons="; ".join(filter(None, hopeless)))
        time.sleep(0.03)
    raise TransientFailure(
        "services-not-ready",
        "the services are not ready after {seconds} s; see {logs}",
        seconds=_START_SECONDS,
        logs=home.logs,
    )


def _stop_supervisor(home: Home) -> list[str]:
    state = _settled(home)
    names = [name for name, service in state.services.items() if service.process and service.process.alive()]
    if supervisor_runs(home) and state.supervisor is not None:
        state.supervisor.stop(seconds=60)
    # A living supervisor has stopped its services by now; a killed one left them behind.
    for name, process in _orphans(home, state):
        process.stop(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        names.append(name)
    return [name for name in ALL if name in names]


def _settled(home: Home) -> State:
    """The state as the living supervisor tells it: it mends a damaged file by itself."""
    deadline = time.monotonic() + 5
    while True:
        state = State.load(home)
        if not supervisor_runs(home) or (state.supervisor is not None and state.supervisor.alive()):
            return state
        if time.monotonic() > deadline:
            raise TransientFailure(
                "supervisor-silent",
                "the supervisor of {home} does not write {state}",
                home=home.root,
                state=home.state,
            )
        time.sleep(0.05)


def _orphans(home: Home, state: State) -> Iterator[tuple[str, Process]]:
    for name, service in state.services.items():
        if service.process is not None and service.process.alive():
            yield name, service.process
    started = {
        "postgres": (postgres.binary("postgres"), home.postgres),
        "aws": (tools.ministack_python(), home.aws),
        "dynamodb": (tools.dynoxide_binary(), aws.database(home)),
        "prices": (Path(sys.executable), home.prices),
        "mail": (Path(sys.executable), home.mail),
    }
    for name, (executable, argument) in started.items():
        for process in started_as(executable, str(argument)):
            yield name, process


def _configure_dagster(home: Home, settings: Settings) -> None:
    """DAGSTER_HOME holds the configuration of the chosen launcher, made anew at each start."""
    write_atomically(home.dagster / "dagster.yaml", dagster_yaml(settings))
