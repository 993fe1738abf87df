"""What waits for people in btc: lists as data, each a statement over the batches' mirror in Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.btc.actions import PERMISSION
from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.waiting_lists import waiting_lists_of

_list: Final = waiting_lists_of("btc", load("batch_platform.btc.sql"))

PATIENCE: Final = timedelta(hours=4)
"""Balances move on while a sealed plan stands still, and no other batch can start."""

WAITING: Final = (
    _list(
        "btc-approval",
        Message("waiting-btc-approval", "Approval of a BTC batch"),
        lambda facts: Message(
            "waiting-btc-approval-of",
            "batch {batch} ({rate} %): {users} users, {sum} BTC together; approvals that are missing: {missing}",
            **facts,
        ),
        path="/console/btc/{subject}",
        permission=PERMISSION,
        patience=PATIENCE,
        reads="batch:read",
    ),
    # its incident is critical and stays open: nobody is reminded
    _list(
        "btc-resume",
        Message("waiting-btc-resume", "A BTC batch that stopped half-way"),
        lambda facts: Message(
            "waiting-btc-resume-of",
            "batch {batch} ({rate} %): {done} of {users} users are booked, and no other batch can start",
            **facts,
        ),
        path="/console/btc/{subject}",
        permission=PERMISSION,
        reads="batch:read",
    ),
)
