"""Another process that could hold a lease."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SCRIPT = """
import time
from batch_platform.core.workers import worker_name
print(worker_name(), flush=True)
time.sleep(600)
"""


@contextmanager
def other_worker() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that does nothing, and its name as a worker; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", _SCRIPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
