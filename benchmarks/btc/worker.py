"""A worker of this benchmark in a process of its own, so that it can be killed at any moment.

Its processes are forked from one that has imported everything, and has made and used the clients once (their
connections are closed again): what is measured is what a resume costs, not the start of an interpreter.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from batch_platform.btc import service
from batch_platform.btc.desk import open_work
from batch_platform.core import aws, objects
from batch_platform.core.failures import NotFound
from batch_platform.core.workers import worker_name
from batch_platform.local import provision, services
from batch_platform.settings import load_settings

# the rest is what the benchmark imports besides: a forked process finds it all there
__all__ = ["apply", "aws", "provision", "services"]

_SETTINGS = load_settings()
_WORK = open_work(_SETTINGS)


def _use_once() -> None:
    """A client's first request imports modules and reads rules of endpoints: 20 ms more of a process's start."""
    dynamodb, s3 = aws.client("dynamodb", _SETTINGS), aws.client("s3", _SETTINGS)
    with suppress(NotFound):
        _WORK.store.batches.get("nothing")
    objects.head(s3, _SETTINGS.lake_bucket, "nothing")
    dynamodb.close()
    s3.close()


_use_once()


def apply(batch_id: str) -> None:
    """Apply one batch to its end, or stand by while another process does; without one, nothing."""
    if batch_id:
        service.stand_by(replace(_WORK, owner=worker_name()), batch_id)
