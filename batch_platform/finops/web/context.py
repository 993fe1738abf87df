"""What routes and pages of finops share: what they work with, in whose name they write, and their parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Path, Request, Response
from pydantic import JsonValue
from pydantic.alias_generators import to_camel
from starlette.requests import HTTPConnection

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.opening import context_on
from batch_platform.finops.service import CostReader, FinopsContext
from batch_platform.finops.service.audit import Record
from batch_platform.finops.web import cost_words, words
from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import state_of
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api import paths as _paths  # noqa: F401 (the convertor of `{projectId:name}`)
from batch_platform.web.console import render
from batch_platform.web.context import log_of

READ: Final = [requires("finops:read")]
OPERATE: Final = [requires("finops:operate")]
WRITE: Final = [requires("finops:write")]

PAGE_ROWS: Final = 50
_HEAVY: Final = 4
"""Requests that work on line items at the same time; one of them computes."""


@dataclass(frozen=True)
class FinopsState:
    """One per web process, at `app.state.finops`."""

    context: FinopsContext
    costs: CostReader
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_HEAVY))
    """For work on line items: who waits holds no thread."""

    @classmethod
    def of(cls, context: FinopsContext) -> FinopsState:
        return cls(context, CostReader(context.store))


def open_state(app: AppContext) -> FinopsState:
    """The use cases' context on the connections of the web."""
    state = FinopsState.of(context_on(app.web.pool, app.settings))
    app.opened.callback(state.context.store.close)
    return state


State = Annotated[FinopsState, state_of("finops")]


def state_at(connection: HTTPConnection) -> FinopsState:
    """For answers that are prepared."""
    return cast(FinopsState, connection.app.state.finops)


async def _context(state: State) -> FinopsContext:
    return state.context


async def _record(request: Request) -> Record:
    """Writes to the audit log in the change's own transaction, in the name of whoever asks."""
    return log_of(request).record


Context = Annotated[FinopsContext, Depends(_context)]
RecordOf = Annotated[Record, Depends(_record)]
ProjectId = Annotated[
    str,
    Path(
        alias="projectId",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="A project's id.",
        examples=["acme"],
    ),
]


def like(pattern: str) -> dict[str, JsonValue]:
    """Tells the pattern in the schema only: what breaks it is refused by the service, in a sentence."""
    return {"pattern": pattern}


@contextmanager
def wire_names() -> Iterator[None]:
    """What the service calls `role_arn` is the request's `roleArn`."""
    try:
        yield
    except InvalidInput as error:
        if error.field is not None and error.field.isidentifier():  # no header
            error.field = to_camel(error.field)
        raise


def page(request: Request, name: str, **values: Any) -> Response:
    """A page of finops."""
    return render(request, f"finops/{name}.html", words=words, cost_words=cost_words, **values)
