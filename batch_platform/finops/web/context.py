"""What routes and pages of finops work with, and in whose name they write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request, Response

from batch_platform.core import audit
from batch_platform.core.postgres import Connection
from batch_platform.finops.opening import work_on
from batch_platform.finops.service import CostReader, FinopsContext
from batch_platform.finops.service.trail import Trail
from batch_platform.finops.web import words
from batch_platform.kit.domain import AppContext
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import render

_HEAVY: Final = 4
"""Requests that work on line items at the same time; one of them computes."""


@dataclass(frozen=True)
class FinopsSite:
    """One per web process, at `app.state.finops`."""

    work: FinopsContext
    costs: CostReader
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_HEAVY))
    """For work on line items: who waits holds no thread."""

    @classmethod
    def of(cls, work: FinopsContext) -> FinopsSite:
        return cls(work, CostReader(work.store))


def open_state(app: AppContext) -> FinopsSite:
    """The use cases' context on the connections of the web."""
    return FinopsSite.of(work_on(app.web.pool, app.settings))


async def site_of(request: Request) -> FinopsSite:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(FinopsSite, request.app.state.finops)


async def work_of(request: Request) -> FinopsContext:
    return (await site_of(request)).work


def trail_of(request: Request) -> Trail:
    """Writes to the audit log in the change's own transaction, in the name of whoever asks."""

    def told(connection: Connection, what: str, target: str, before: Any, after: Any) -> None:
        audit.record(
            connection,
            who=current(request).subject,
            what=what,
            target=target,
            before=before,
            after=after,
            correlation_id=request.scope.get("correlation_id"),
            now=request.app.state.finops.work.clock(),
        )

    return told


async def _texts(request: Request) -> dict[str, str]:
    return {key: value.strip() for key, value in (await request.form()).items() if isinstance(value, str)}


Site = Annotated[FinopsSite, Depends(site_of)]
Work = Annotated[FinopsContext, Depends(work_of)]
Form = Annotated[dict[str, str], Depends(_texts)]
"""The texts of a form, without blanks around them."""


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
    """A page of finops: every template knows its words."""
    names = {
        "measures": words.MEASURES,
        "groups": words.GROUPS,
        "charge_classes": words.CHARGE_CLASSES,
        "month_states": words.MONTH_STATES,
        "restatement_reasons": words.RESTATEMENT_REASONS,
        "file_states": words.FILE_STATES,
        "budget_states": words.BUDGET_STATES,
        "directions": words.DIRECTIONS,
        "cents": words.cents,
        "percent": words.percent,
        "named": words.named,
        "named_states": words.named_states,
        "zipped": words.zipped,
    }
    return render(request, f"finops/{name}.html", status=status, **names, **values)
