"""What waits for people in zengin: lists as data, each a statement over changesets and their records' mirror."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.waiting_lists import waiting_lists_of
from batch_platform.zengin.model import Limits

_list: Final = waiting_lists_of("zengin", load("batch_platform.zengin.sql"))

LASTS: Final = timedelta(days=Limits().pending_days)
LEAD: Final = timedelta(days=14)
PATIENCE: Final = timedelta(days=2)
"""While a release is held, or its changes have failed, transfers go by what the master was."""
_PATH: Final = "/console/zengin/changesets/{subject}"
_PERMISSION: Final = "zengin:approve"

WAITING: Final = (
    _list(
        "zengin-review",
        Message("waiting-zengin-review", "Review of changes to the bank master"),
        lambda facts: Message(
            "waiting-zengin-review-of",
            "{changeset}: records that wait: {records}, of them of high risk: {high}; accounts needed: {needed}",
            **facts,
        ),
        path=_PATH,
        permission=_PERMISSION,
        then=Message("waiting-zengin-review-then", "what nobody has decided expires with the next sweep"),
        lead=LEAD,
        lasts=LASTS,
    ),
    _list(
        "zengin-hold",
        Message("waiting-zengin-hold", "A release of the bank master that is held"),
        lambda facts: Message(
            "waiting-zengin-hold-of",
            "the release of {day} ({rows} rows) is held; accounts that must still override it: {missing}",
            **facts,
        ),
        path=_PATH,
        permission=_PERMISSION,
        patience=PATIENCE,
    ),
    _list(
        "zengin-failed",
        Message("waiting-zengin-failed", "Approved changes that could not be applied"),
        lambda facts: Message("waiting-zengin-failed-of", "{changeset}: records that failed: {records}", **facts),
        path=_PATH,
        permission=_PERMISSION,
        patience=PATIENCE,
    ),
    # it is decided already, and can be taken back until its day: nobody is reminded
    _list(
        "zengin-scheduled",
        Message("waiting-zengin-scheduled", "Approved changes that wait for their day"),
        lambda facts: Message(
            "waiting-zengin-scheduled-of", "{changeset}: records that are approved for {day}: {records}", **facts
        ),
        path=_PATH,
        permission=_PERMISSION,
        then=Message("waiting-zengin-scheduled-then", "they are applied, unless the approval is taken back before"),
    ),
)
