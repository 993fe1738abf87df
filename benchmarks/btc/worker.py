"""A worker of this benchmark in a process of its own, so that it can be killed at any moment.

Its processes are forked from one that has imported everything, and has made and used the clients once (their
connections are closed again): what is measured is what a resume costs, not the start of an interpreter.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from batch_platform.btc import service
from batch_platform.btc.desk import open_work
from batch_platform.btc.items import batch_key
from batch_platform.btc.store import table_names
from batch_platform.btc.store.table import Requests
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
    """A request of each kind, which finds or changes nothing.

    A client's first one imports modules, reads rules of endpoints and the shapes of request and answer: with them a
    process starts 20 ms of processor time later, and sends its first transaction another 10 ms later.
    """
    dynamodb, s3 = aws.client("dynamodb", _SETTINGS), aws.client("s3", _SETTINGS)
    requests, table = Requests(dynamodb), table_names(_SETTINGS.env, _SETTINGS.project).batches
    absent = {"TableName": table, "Key": batch_key("nothing"), "ConditionExpression": "attribute_exists(batch_id)"}
    with suppress(NotFound):
        _WORK.store.batches.get("nothing")
    _WORK.store.checkpoints.read("nothing")
    requests.update("nothing", UpdateExpression="REMOVE nothing", **absent)
    requests.transact([{"ConditionCheck": absent}], "nothing")
    objects.get_bytes(s3, _SETTINGS.lake_bucket, "nothing", limit=0)
    dynamodb.close()
    s3.close()


_use_once()


def apply(batch_id: str) -> None:
    """Apply one batch to its end, or stand by while another process does; without one, nothing."""
    if batch_id:
        service.stand_by(replace(_WORK, owner=worker_name()), batch_id)
