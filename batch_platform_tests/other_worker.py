"""Another process that could hold a lease."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from batch_platform_tests.forks import Fork

_SCRIPT = """
import time
from batch_platform.core.workers import worker_name
print(worker_name(), flush=True)
time.sleep(600)
"""


@contextmanager
def other_worker() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that does nothing, and its name as a worker; killed at the end."""
    with Fork("-c", _SCRIPT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
