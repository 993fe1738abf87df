"""Processes as they are named in state files: a bare pid may belong to somebody else by now."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from batch_platform.core.failures import TransientFailure

LOOPBACK = "127.0.0.1"
# Below the ephemeral range, so that no outgoing connection sits on a port between two starts.
_PORTS = range(20_000, 32_000)


class Process(BaseModel):
    """One process of this boot, told apart from a later one with the same pid by its start time."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The live process with this pid; a zombie is dead."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if fields[0] in "ZX":
            return None
        return cls(pid=pid, started=f"{_boot_id()}/{fields[19]}")

    def alive(self) -> bool:
        return Process.of(self.pid) == self

    def send(self, signum: signal.Signals) -> None:
        if self.alive():
            os.kill(self.pid, signum)

    def stop(self, signum: signal.Signals = signal.SIGTERM, *, seconds: float = 20) -> None:
        """Ask, wait, then kill; returns when the process is gone."""
        self.send(signum)
        if self.wait(seconds):
            return
        self.send(signal.SIGKILL)
        if not self.wait(10):
            raise TransientFailure(
                "process-does-not-end", "process {pid} does not end, even when killed", pid=self.pid
            )

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            _reap(self.pid)
            time.sleep(0.02)
        return True


def started_as(executable: Path, argument: str) -> Iterator[Process]:
    """Live processes of this executable with this argument: how orphans are found without any state file."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        matches = command[0] == str(executable).encode() and argument.encode() in command
        process = Process.of(int(entry.name)) if matches else None
        if process is not None:
            yield process


def free_port(preferred: int | None = None, *, avoid: frozenset[int] = frozenset()) -> int:
    """The preferred port while it is free, else a random free one."""
    if preferred is not None and _bindable(preferred):
        return preferred
    for port in random.sample(_PORTS, 200):
        if port not in avoid and _bindable(port):
            return port
    raise TransientFailure("no-free-port", "no free port between 20000 and 32000 on 127.0.0.1")


def listen(preferred: int) -> socket.socket:
    """A listening socket on the preferred port, or on a free one when that is taken; nobody takes it meanwhile."""
    try:
        listener = socket.create_server((LOOPBACK, preferred))
    except OSError:
        listener = socket.create_server((LOOPBACK, free_port()))
    # accepted connections inherit it; asyncio sets it only on sockets it has opened itself
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether the server on this port answers a GET with success."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _reap(pid: int) -> None:
    """Collect our own dead child, so that it does not linger as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"
