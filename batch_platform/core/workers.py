"""Who holds a lease, and whether that process is known to be dead.

A lease that runs out frees the work of any worker that died. On the same machine nobody has to wait for that: the
name of a worker tells which process it was, and a process that is gone is gone.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import uuid4


def worker_name() -> str:
    """`host/pid/start/random`: this process, told apart from a later one with the same number."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{uuid4().hex[:8]}"


def is_dead(worker: str) -> bool:
    """True only for a process of this machine that does not run any more."""
    process = _process(worker)
    return process is not None and _started(process[0]) != process[1]


def _process(worker: str) -> tuple[int, str] | None:
    """The number and the start of a process of this machine."""
    host, _, rest = worker.partition("/")
    number, _, rest = rest.partition("/")
    started = rest.partition("/")[0]
    if host != socket.gethostname() or not number.isdigit() or not started.isdigit():
        return None
    return int(number), started


def _started(pid: int) -> str:
    """The process's start in clock ticks since boot; empty when it does not run, `?` without a /proc."""
    if not Path("/proc/self/stat").exists():
        return "?"
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
