"""Quotas of routes: 429 with Retry-After for a player, an account or an address that asks too often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from batch_platform.trading.service import quotas
from batch_platform.trading.service.quotas import Quota
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.context import web_of
from batch_platform.web.security import address_of


@dataclass(frozen=True)
class _Limited:
    quota: Quota

    def __call__(self, connection: HTTPConnection) -> None:
        principal = connection.scope["principal"]
        count(connection, self.quota, principal.subject if principal else address_of(connection.scope))


def limited(quota: Quota) -> Any:
    """`dependencies=[requires(…), limited(TRADES)]`: each player by itself, and each address where nobody is."""
    return Depends(_Limited(quota))


def count(connection: HTTPConnection, quota: Quota, caller: str) -> None:
    """Count a request of this caller. Raises 429 when there is no room for it."""
    web = web_of(connection)
    wait = quotas.wait(web.pool, quota, caller, now=web.clock())
    if wait is not None:
        raise too_often(wait)


def too_often(wait: timedelta) -> Refusal:
    """For who has to wait so long."""
    seconds = max(1, ceil(wait.total_seconds()))
    return Refusal(429, "too-many-requests", "too many requests", headers={"Retry-After": str(seconds)})
