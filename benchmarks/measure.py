"""What a finished process cost, as the operating system accounts it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Cost:
    """Seconds of processor and wall time, and the peak resident memory in MiB, of one process."""

    cpu: float
    wall: float
    rss: float


def run(command: Sequence[str], **options: object) -> Cost:
    """Run a command to its end; raises `CalledProcessError` when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def median_cost(costs: Sequence[Cost]) -> Cost:
    return Cost(median(c.cpu for c in costs), median(c.wall for c in costs), max(c.rss for c in costs))
