"""What routes and pages are handed: the context that the server keeps for a domain, and who acts on it."""

from __future__ import annotations

from typing import Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from batch_platform.kit.session import Session, of_request


def state_of(domain: str) -> Any:
    """`Context = Annotated[ZenginContext, state_of("zengin")]`: what the domain's `open_state` has opened."""

    async def state(connection: HTTPConnection) -> Any:  # a coroutine costs no thread
        return getattr(connection.app.state, domain)

    return Depends(state)


def session_on(domain: str) -> Any:
    """`Acting = Annotated[Session[ZenginContext], session_on("zengin")]`: whoever asks, on that context."""

    async def session(connection: HTTPConnection) -> Session[Any]:
        return of_request(connection, getattr(connection.app.state, domain))

    return Depends(session)
