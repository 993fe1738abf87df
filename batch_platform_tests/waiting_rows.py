"""What waits on a domain's own tables, as operations reads it for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from batch_platform.core.postgres import Pool
from batch_platform.operations import waiting
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import Registry
from batch_platform.operations.runner import DagsterStorage
from batch_platform.operations.waiting import Waiting
from batch_platform.operations.waiting_lists import WaitingList
from batch_platform.registry import build_grants
from batch_platform.web.access.model import Principal, Role


def reader(subject: str, *roles: Role) -> Principal:
    """An account of these roles, with the permissions of every domain."""
    name = subject.partition(":")[2]
    return Principal(subject, name, frozenset(roles), via="session", grants=build_grants())


def waits(
    pool: Pool, lists: Sequence[WaitingList], now: datetime, who: Principal, *, mine: bool = False
) -> dict[str, list[Waiting]]:
    """What waits at this moment, by the name of its list."""
    ctx = OperationsContext(pool, lambda: now, Registry([]), cast(DagsterStorage, None), waiting=tuple(lists))
    rows: dict[str, list[Waiting]] = {}
    for row in waiting.listed(ctx, who, mine=mine):
        rows.setdefault(row.of.name, []).append(row)
    return rows
