"""What waits in finops, for an operator or for AWS: lists as data, each a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.finops.service.poll import LATE_AFTER
from batch_platform.operations.waiting_lists import waiting_lists_of

_list: Final = waiting_lists_of("finops", load("batch_platform.finops.sql"))

PATIENCE: Final = timedelta(days=1)
_PERMISSION: Final = "finops:operate"

WAITING: Final = (
    _list(
        "finops-files",
        Message("waiting-finops-files", "Cost files in error"),
        lambda facts: Message(
            "waiting-finops-files-of", "project {project} {month}: files in error: {files}", **facts
        ),
        path="/console/projects/{project}/files",
        permission=_PERMISSION,
        patience=PATIENCE,
    ),
    # an incident tells that it is late: nobody is reminded
    _list(
        "finops-delivery",
        Message("waiting-finops-delivery", "A delivery of AWS that is not complete"),
        lambda facts: Message(
            "waiting-finops-delivery-of", "project {project} {month}: files that are missing: {files}", **facts
        ),
        path="/console/projects/{project}",
        permission=_PERMISSION,
        then=Message(
            "waiting-finops-delivery-then", "the project counts as late, unless a delivery is published before"
        ),
        late_after=LATE_AFTER,
    ),
)
