"""What a route declares about who may call it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast

from fastapi import Depends, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from batch_platform.core.failures import InvalidInput
from batch_platform.web.access.model import Principal, check_permission
from batch_platform.web.access.service import Change
from batch_platform.web.api.refusals import forbidden, token_without_session, unauthenticated
from batch_platform.web.context import web_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@dataclass(frozen=True)
class Requirement:
    """The permission a route asks for; None for the few that anybody may call.

    `also` says in the API's document whom it admits beside those who have the permission.
    """

    permission: str | None
    also: str = field(default="", kw_only=True)

    async def __call__(self, connection: HTTPConnection) -> None:
        self.check(connection)
        _refuse_unknown_parameters(connection)

    def check(self, connection: HTTPConnection) -> None:
        """Raises 401 or 403 for whoever may not call the route."""
        if self.permission is not None:
            self.admit(connection, self.permission)

    def admit(self, connection: HTTPConnection, permission: str) -> None:
        """Raises 401 or 403 for whoever may not."""
        authorize(connection, permission)


class OwnSession(Requirement):
    """What everybody may do with a session of their own, whatever else they may."""

    def admit(self, connection: HTTPConnection, permission: str) -> None:  # noqa: ARG002 (nobody needs it)
        if current(connection).via == "token":
            raise token_without_session()


def requires(permission: str | Requirement) -> Any:
    """`dependencies=[requires("jobs:read")]`: 403 for a principal that may not, or by a requirement of one's own.

    A write under a `:read` permission concerns only the caller's own session (its language, its end): bearer
    tokens have none and are refused.
    """
    return Depends(permission if isinstance(permission, Requirement) else Requirement(check_permission(permission)))


def public() -> Any:
    """For the routes that the authentication lets pass: login, health and what a part opens."""
    return Depends(Requirement(None))


def own_session() -> Any:
    """For the routes that end or change the caller's own session, guests' too."""
    return Depends(OwnSession("session:read", also="any signed-in browser"))


def current(connection: HTTPConnection) -> Principal:
    """Who is asking. Raises 401 for nobody."""
    principal = connection.scope.get("principal")
    if principal is None:
        raise unauthenticated()
    return cast(Principal, principal)


def authorize(connection: HTTPConnection, permission: str) -> Principal:
    """The principal, when it has the permission; else 401 or 403."""
    principal = current(connection)
    if not principal.may(permission):
        raise forbidden(permission)
    writes = connection.scope.get("method", "GET") not in SAFE_METHODS
    if writes and permission.endswith(":read") and principal.via == "token":
        raise token_without_session()
    return principal


def change_of(connection: HTTPConnection) -> Change:
    """A change that whoever is asking makes now."""
    return Change(current(connection).subject, web_of(connection).clock(), connection.scope["correlation_id"])


def requirement_of(route: Any) -> Requirement | None:
    """What a route declares; None when it declares nothing."""
    dependant = getattr(route, "dependant", None)
    declared = [dependency.call for dependency in dependant.dependencies] if dependant else []
    return next((call for call in declared if isinstance(call, Requirement)), None)


def _refuse_unknown_parameters(connection: HTTPConnection) -> None:
    """A misspelt filter must not answer with everything."""
    route = connection.scope.get("route")
    if not isinstance(route, APIRoute) or not connection.scope["path"].startswith("/api/"):
        return
    known = _parameters(route)
    unknown = next((name for name in connection.query_params if name not in known), None)
    if unknown is not None:
        shown = unknown.encode("ascii", "replace").decode()[:80]
        raise InvalidInput(
            "unknown-query-parameter", "there is no query parameter {parameter}", parameter=repr(shown), field=shown
        )


def _parameters(route: APIRoute) -> frozenset[str]:
    """Names of the route's query parameters, kept with the route."""
    kept: dict[str, Any] = vars(route)
    if "query_names" not in kept:
        fields = get_flat_params(route.dependant)
        kept["query_names"] = frozenset(field.alias for field in fields if isinstance(field.field_info, params.Query))
    return cast(frozenset[str], kept["query_names"])
