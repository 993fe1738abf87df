"""Where a use case records a change, in the change's own transaction: the audit log, or nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from batch_platform.core.postgres import Connection

Record = Callable[[Connection, str, str, Any, Any], None]
"""Called with the transaction's connection, what is done, to what, and the state before and after."""


def unrecorded(connection: Connection, what: str, target: str, before: Any, after: Any) -> None:
    """For callers that keep no log."""


CREATE: Final = "cost-project.create"
CHANGE: Final = "cost-project.change"
DISABLE: Final = "cost-project.disable"
REMOVE: Final = "cost-project.remove"
REQUEUE: Final = "cost-files.requeue"
SET_BUDGET: Final = "cost-budget.set"
DELETE_BUDGET: Final = "cost-budget.delete"
