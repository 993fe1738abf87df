"""What a finished process cost, as the operating system accounts it, and what the host took meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

_SETTLES: Final = 0.3
"""Seconds until a process that ends is counted with its parent."""


@dataclass(frozen=True)
class Cost:
    """Seconds of processor and wall time, and the peak resident memory in MiB, of one process.

    `lent`: seconds the host ran others on this machine's processors meanwhile.
    """

    cpu: float
    wall: float
    rss: float
    lent: float


def run(command: Sequence[str], **options: object) -> Cost:
    """Run a command to its end; raises `CalledProcessError` when it fails."""
    began, lent = time.perf_counter(), lent_elsewhere()
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, lent_elsewhere() - lent)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Medians; of the memory the largest."""
    return Cost(
        cpu=median(cost.cpu for cost in costs),
        wall=median(cost.wall for cost in costs),
        rss=max(cost.rss for cost in costs),
        lent=median(cost.lent for cost in costs),
    )


def lent_elsewhere() -> float:
    """Seconds, over all processors, in which this virtual machine wanted to run and its host ran another."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Turn:
    """Seconds that a piece of work took: by the clock, and of processors, the server's included."""

    wall: float
    cpu: float


def with_server(work: Callable[[], object], server: int) -> Turn:
    """Do it, and count what this process and a server with its processes, those that have ended too, took for it."""
    began, used = time.perf_counter(), _processors(server)
    work()
    wall = time.perf_counter() - began
    time.sleep(_SETTLES)
    return Turn(wall, _processors(server) - used)


def _processors(server: int) -> float:
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own, of_ended_children = fields[11:13], fields[13:15]
        if int(folder.name) == server:
            found += sum(map(int, own + of_ended_children))
        elif int(fields[1]) == server:
            found += sum(map(int, own))
    return time.process_time() + found / os.sysconf("SC_CLK_TCK")
