"""What waits for operators of the outbox: a list as data, a statement."""

from __future__ import annotations

from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.waiting_lists import waiting_lists_of

_list: Final = waiting_lists_of("outbox", load("batch_platform.outbox.sql"))

# the incident `outbox-failed` stays open as long: nobody is reminded
WAITING: Final = (
    _list(
        "outbox-failed",
        Message("waiting-outbox-failed", "Notices that could not be sent"),
        lambda facts: Message("waiting-outbox-failed-of", "of {domain}: {notices}", **facts),
        path="/console/outbox?state=failed&domain={subject}",
        permission="outbox:operate",
    ),
)
