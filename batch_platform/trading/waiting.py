"""Deadlines of competitions: lists as data, each a statement over the live campaigns."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.waiting_lists import waiting_lists_of

_list: Final = waiting_lists_of("trading", load("batch_platform.trading.sql"))

LEAD: Final = timedelta(days=1)
_PERMISSION: Final = "trading:administer"

WAITING: Final = (
    _list(
        "trading-begin",
        Message("waiting-trading-begin", "A competition that has not begun"),
        lambda facts: Message("waiting-trading-begin-of", "{campaign}: players who have joined: {players}", **facts),
        path="/console/trading/administration",
        permission=_PERMISSION,
        then=Message("waiting-trading-begin-then", "trading begins; start and fees are fixed with the first order"),
        lead=LEAD,
    ),
    _list(
        "trading-end",
        Message("waiting-trading-end", "A competition that ends"),
        lambda facts: Message(
            "waiting-trading-end-of", "{campaign}: players: {players}, orders that wait: {orders}", **facts
        ),
        path="/console/trading/administration",
        permission=_PERMISSION,
        then=Message("waiting-trading-end-then", "nothing is traded any more, and orders that wait expire"),
        lead=LEAD,
    ),
)
