"""What is asked again and again, by one address: its route and parameters are read once, as of a prepared statement.

What an address means does not change, so it may be kept; who may ask and what the answer is do, so they are looked at
each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from batch_platform.web.access.dependencies import Requirement, requirement_of

Answer = Callable[[HTTPConnection], Awaitable[Response]]
"""Answers a question, of which it knows all but who asks: that is in the connection."""

_KEPT: Final = 1_000
_LONGEST: Final = 1_000  # bytes of a query


class _Prepared(NamedTuple):
    route: Any
    path_params: dict[str, Any]
    requirement: Requirement
    answer: Answer


class PreparedMiddleware:
    """Stands next to the routes, and gives the answers that they have `prepared` to whoever may have them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: OrderedDict[tuple[str, bytes], _Prepared] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or len(scope["query_string"]) > _LONGEST:
            await self._app(scope, receive, send)
            return
        address = scope["path"], scope["query_string"]
        known = self._known.get(address)
        if known is None:
            scope["prepare"] = lambda prepared: self._keep(address, prepared)
            await self._app(scope, receive, send)
            return
        self._known.move_to_end(address)
        scope["route"], scope["path_params"] = known.route, known.path_params
        connection = HTTPConnection(scope)
        known.requirement.check(connection)
        await (await known.answer(connection))(scope, receive, send)

    def _keep(self, address: tuple[str, bytes], prepared: _Prepared) -> None:
        self._known[address] = prepared
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)


async def prepared(connection: HTTPConnection, answer: Answer) -> Response:
    """The answer of a route that needs nothing but a permission, and from now on of its address.

    What fails is not kept. An address means the same at any time, or it must not be prepared.
    """
    response = await answer(connection)
    scope = connection.scope
    requirement, keep = requirement_of(scope["route"]), scope.get("prepare")
    if keep is not None and requirement is not None:
        keep(_Prepared(scope["route"], scope["path_params"], requirement, answer))
    return response
