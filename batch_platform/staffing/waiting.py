"""What waits for a second person in staffing: lists as data, each a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.waiting_lists import waiting_lists_of

_list: Final = waiting_lists_of("staffing", load("batch_platform.staffing.sql"))

PATIENCE: Final = timedelta(days=1)
"""Customers wait for their invoices, and a credit note is dated the day on which it is agreed to."""
_PERMISSION: Final = "staffing:approve"

WAITING: Final = (
    _list(
        "staffing-drafts",
        Message("waiting-staffing-drafts", "Invoices to be issued"),
        lambda facts: Message(
            "waiting-staffing-drafts-of", "drafts of {month}: {invoices}, {total} yen together", **facts
        ),
        path="/console/staffing/invoices/months/{subject}",
        permission=_PERMISSION,
        patience=PATIENCE,
    ),
    _list(
        "staffing-void",
        Message("waiting-staffing-void", "An invoice to be made void"),
        lambda facts: Message("waiting-staffing-void-of", "{number}, proposed by {by}: {reason}", **facts),
        path="/console/staffing/invoices/{invoice}",
        permission=_PERMISSION,
        patience=PATIENCE,
        deed="void",
    ),
    _list(
        "staffing-credit",
        Message("waiting-staffing-credit", "A credit note to be issued"),
        lambda facts: Message("waiting-staffing-credit-of", "for {number}, proposed by {by}: {reason}", **facts),
        path="/console/staffing/invoices/{invoice}",
        permission=_PERMISSION,
        patience=PATIENCE,
        deed="credit",
    ),
)
