"""What a finished process cost, as the operating system accounts it, and what the host took meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


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
