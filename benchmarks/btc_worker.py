"""A worker of benchmarks.btc in a process of its own, so that it can be killed at any moment.

Its processes are forked from one that has imported everything and made the clients (no connection is open yet): what
is measured is what a resume costs, not the start of an interpreter. They give way to the emulator, which shares their
processors as DynamoDB would not.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from batch_platform.btc import service
from batch_platform.btc.desk import open_work
from batch_platform.core import aws
from batch_platform.core.workers import worker_name
from batch_platform.local import provision, services
from batch_platform.settings import load_settings

# the rest is what the benchmark imports besides: a forked process finds it all there
__all__ = ["apply", "aws", "provision", "services"]

_BEHIND = 19
_WORK = open_work(load_settings())


def _give_way() -> None:
    """Whether the kernel shares processors out by session or by process."""
    os.setsid()
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_BEHIND))
    os.nice(_BEHIND)


def apply(batch_id: str) -> None:
    """Apply one batch to its end, or stand by while another process does; without one, nothing."""
    _give_way()
    if batch_id:
        service.stand_by(replace(_WORK, owner=worker_name()), batch_id)
