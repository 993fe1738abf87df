"""A worker of this benchmark in a process of its own, so that it can be killed at any moment.

What is measured is what a resume costs, and not the start of an interpreter: each of them is forked from one that has
imported everything. A warm one has made a request of each kind before it is told of a batch.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from batch_platform.btc import service
from batch_platform.btc.items import batch_key
from batch_platform.btc.model import PLAN_SCHEMA
from batch_platform.btc.opening import open_work
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import table_names
from batch_platform.core import aws
from batch_platform.core.dynamodb import Requests
from batch_platform.core.failures import NotFound
from batch_platform.core.workers import worker_name
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_SETTINGS = load_settings()
_WORK = open_work(_SETTINGS)


def work(orders: Connection, warm: bool) -> None:
    """Tell that it is ready, wait for a batch, and apply it to its end, or stand by while another process does."""
    if warm:
        _use_once()
    orders.send(None)
    with suppress(EOFError):  # whoever gives the orders is gone
        service.stand_by(replace(_WORK, owner=worker_name()), orders.recv())


def _use_once() -> None:
    """A request of each kind, which finds or changes nothing, and a plan without rows, as a worker that has worked.

    The first ones import modules, read rules of endpoints and the shapes of request and answer, and start threads.
    """
    requests = Requests(aws.client("dynamodb", _SETTINGS))
    table = table_names(_SETTINGS.env, _SETTINGS.of(BtcSettings).project).batches
    absent = {"TableName": table, "Key": batch_key("nothing"), "ConditionExpression": "attribute_exists(batch_id)"}
    with suppress(NotFound):
        _WORK.store.batches.get("nothing")
    _WORK.store.checkpoints.read("nothing")
    requests.update("nothing", UpdateExpression="REMOVE nothing", **absent)
    requests.transact([{"ConditionCheck": absent}], "nothing")
    plan = _WORK.store.plans.put("nothing", pl.DataFrame(schema=PLAN_SCHEMA))
    _WORK.store.plans.pending("nothing", plan.plan, plan.file)
