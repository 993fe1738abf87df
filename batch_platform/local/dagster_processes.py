"""The platform's own processes on one machine, as programs to keep running."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from batch_platform.kit.workers import Worker, is_alive
from batch_platform.local.environment import SECRET
from batch_platform.local.home import Home, write_atomically
from batch_platform.local.processes import LOOPBACK, accepts, answers
from batch_platform.local.programs import Program

LOCATION = "batch_platform"

_WORKSPACE = """\
load_from:
  - grpc_server:
      host: {host}
      port: {port}
      location_name: {location}
"""


def workspace_file(home: Home) -> Path:
    return home.dagster / "workspace.yaml"


def write_workspace(home: Home, code_port: int) -> None:
    """Both the daemon and the web find the code server by this file: a restarted one is met again."""
    text = _WORKSPACE.format(host=LOOPBACK, port=code_port, location=LOCATION)
    write_atomically(workspace_file(home), text)


def code_server(home: Home, port: int, variables: Mapping[str, str], module: str) -> Program:
    """Serves the definitions and launches runs."""
    listen = ("-h", LOOPBACK, "-p", str(port), "--location-name", LOCATION)
    arguments = ("dagster", "code-server", "start", "-m", module, *listen)
    command = (*arguments, "--use-python-environment-entry-point")
    return _program(home, "code-server", command, port, variables, partial(accepts, port))


def daemon(home: Home, code_port: int, variables: Mapping[str, str]) -> Program:
    """Schedules, sensors, the run queue. It has no port; its heartbeat is in Dagster's storage."""
    command = ("dagster._daemon", "run", "-w", str(workspace_file(home)))
    return _program(home, "daemon", command, 0, variables, partial(accepts, code_port))


def web(home: Home, listener: socket.socket, variables: Mapping[str, str]) -> Program:
    """API, console and the Dagster UI. It alone is given the secret that signs sessions and tokens.

    Whoever holds the listening socket keeps the port while the web is started again: callers wait and are served.
    """
    port: int = listener.getsockname()[1]
    command = ("batch_platform.server", "--descriptor", str(listener.fileno()))
    program = _program(home, "web", command, port, variables, partial(answers, port, "/health/live"))
    secret = variables.get(SECRET) or os.environ.get(SECRET, "")
    environment = {**program.environment, SECRET: secret}
    return replace(program, environment=environment, descriptors=(listener.fileno(),))


def worker(home: Home, declared: Worker, number: int, variables: Mapping[str, str], entry: str) -> Program:
    """One of a resident worker's processes. It has no port; it touches a file while it works."""
    name = f"worker-{declared.name}-{number}"
    heartbeat = home.root / "workers" / f"{declared.name}-{number}"
    heartbeat.unlink(missing_ok=True)
    command = ("-c", entry, "workers", "run", declared.name, "--heartbeat", str(heartbeat))
    program = _program(home, name, (), 0, variables, partial(is_alive, heartbeat))
    return replace(program, command=(sys.executable, *command))


def _program(
    home: Home,
    name: str,
    command: tuple[str, ...],
    port: int,
    variables: Mapping[str, str],
    ready: Callable[[], bool],
) -> Program:
    environment = {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}
    environment.pop(SECRET, None)
    return Program(
        name=name,
        command=(sys.executable, "-m", *command),
        environment=environment,
        directory=home.dagster,
        log=home.logs / f"{name}.log",
        port=port,
        ready=ready,
    )
