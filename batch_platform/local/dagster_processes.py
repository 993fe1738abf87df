"""The Dagster processes of one machine, as programs to keep running."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

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
    """Both the daemon and the webserver find the code server by this file: a restarted one is met again."""
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


def webserver(home: Home, port: int, variables: Mapping[str, str]) -> Program:
    command = ("dagster_webserver", "-h", LOOPBACK, "-p", str(port), "-w", str(workspace_file(home)))
    return _program(home, "webserver", command, port, variables, partial(answers, port, "/server_info"))


def _program(
    home: Home,
    name: str,
    command: tuple[str, ...],
    port: int,
    variables: Mapping[str, str],
    ready: Callable[[], bool],
) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-m", *command),
        environment={**os.environ, **variables, "PYTHONUNBUFFERED": "1"},
        directory=home.dagster,
        log=home.logs / f"{name}.log",
        port=port,
        ready=ready,
    )
