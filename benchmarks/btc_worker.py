"""A worker of benchmarks.btc in a process of its own, so that it can be killed at any moment.

Its processes are forked from one that has imported everything and made the clients (no connection is open yet): what
is measured is what a resume costs, not the start of an interpreter.
"""

from __future__ import annotations

from dataclasses import replace

from batch_platform.btc import service
from batch_platform.btc.desk import open_work
from batch_platform.core import aws
from batch_platform.core.workers import worker_name
from batch_platform.local import provision, services
from batch_platform.settings import load_settings

# the rest is what the benchmark imports besides: a forked process finds it all there
__all__ = ["apply", "aws", "provision", "services"]

_WORK = open_work(load_settings())


def apply(batch_id: str) -> None:
    """Apply one batch to its end, or stand by while another process does; without one, nothing."""
    if batch_id:
        service.stand_by(replace(_WORK, owner=worker_name()), batch_id)
