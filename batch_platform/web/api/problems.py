"""Errors as RFC 9457 problems for programs and as a page for people; what is unexpected shows no details."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import psycopg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError, Stale, TransientFailure
from batch_platform.core.messages import Message
from batch_platform.core.validation import message_of
from batch_platform.web.console import render
from batch_platform.web.i18n import N_, gettext, translated

MEDIA_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 5

# By status: title, and the part of `type` after /problems/ for what carries no message id of its own.
KINDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("unauthenticated", N_("Sign in first")),
    403: ("forbidden", N_("Not allowed")),
    404: ("not-found", N_("Not found")),
    405: ("method-not-allowed", N_("Method not allowed")),
    406: ("not-acceptable", N_("No such representation")),
    409: ("conflict", N_("Conflict with the present state")),
    412: ("precondition-failed", N_("Changed since it was seen")),
    413: ("content-too-large", N_("Content too large")),
    415: ("unsupported-media-type", N_("Unsupported media type")),
    422: ("invalid-input", N_("Invalid input")),
    428: ("precondition-required", N_("Say what is to be replaced")),
    429: ("too-many-requests", N_("Too many requests")),
    500: ("failure", N_("The work failed")),
    503: ("unavailable", N_("Unavailable for the moment")),
}
SCHEMA_REFERENCE: Final = "#/components/schemas/Problem"
SCHEMA: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details. `type` is the message's: programs match on it, it never changes, while "
    "`detail` is its English sentence. `field` names the input at fault.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "correlation_id"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/unknown-job", "/problems/invalid-input"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "correlation_id": {"type": ["string", "null"], "description": "X-Request-ID; the log has it too."},
        "field": {"type": "string", "examples": ["parameters.targetDate"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}

_UNREADABLE: Final = Message("unreadable-body", "the body cannot be read")
_UNSTORABLE: Final = Message("unstorable-value", "a value holds characters or digits that cannot be stored")
_UNEXPECTED: Final = Message("failure", "something went wrong here; the log has it under the correlation id")
_OF_THE_ROUTER: Final[Mapping[int, str]] = {
    404: Message("not-found", "Not Found"),
    405: Message("method-not-allowed", "Method Not Allowed"),
}

_log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True)
class Problem:
    """One error as it is told; `detail` is a message. `field` names the input at fault, `errors` all of them."""

    status: int
    detail: str
    field: str | None = None
    errors: tuple[Mapping[str, str], ...] = ()
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def slug(self) -> str:
        if isinstance(self.detail, Message):
            return self.detail.id
        return KINDS[self.status][0] if self.status in KINDS else f"status-{self.status}"

    @property
    def title(self) -> str:
        return KINDS[self.status][1] if self.status in KINDS else HTTPStatus(self.status).phrase

    def body(self, *, instance: str, correlation_id: str | None) -> dict[str, Any]:
        members: dict[str, Any] = {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "correlation_id": correlation_id,
        }
        if self.field is not None:
            members["field"] = self.field
        if self.errors:
            members["errors"] = [dict(error) for error in self.errors]
        return members


def install(app: FastAPI) -> None:
    """Answer every expected failure as a problem; the unexpected ones are the outer middleware's."""
    for kind in (PlatformError, HTTPException, RequestValidationError, psycopg.DataError, UnicodeEncodeError):
        app.add_exception_handler(kind, _handle)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that may answer with these; what every route may answer is added by itself."""
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMA_REFERENCE}}}
    return {status: {"description": KINDS[status][1], "content": content} for status in statuses}


def problem_of(error: Exception) -> Problem:
    """What to tell of an exception. One that nobody expected becomes a 500 that quotes nothing."""
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, PlatformError):
        name = error.field if isinstance(error, InvalidInput) else None
        headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, TransientFailure) else {}
        return Problem(_status(error), error.message, name, headers=headers)
    if isinstance(error, HTTPException):
        if error.status_code == 400:  # how the framework says that it could not parse a body
            return Problem(422, _UNREADABLE, "body")
        own = isinstance(error.detail, Message)
        detail = error.detail if own else _OF_THE_ROUTER.get(error.status_code, error.detail)
        return Problem(error.status_code, detail, headers=dict(error.headers or {}))
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):
        # the last net: a NUL, a lone surrogate or a number beyond its column reached the database
        return Problem(422, _UNSTORABLE)
    return Problem(500, _UNEXPECTED)


def respond(request: Request, problem: Problem) -> Response:
    """The problem as a page for a browser outside the API, as problem+json for everyone else."""
    if not wants_page(request):
        return plain(request, problem)
    page = render(
        request,
        "error.html",
        status=problem.status,
        status_code=problem.status,
        title=gettext(problem.title),
        detail=translated(problem.detail),
        correlation_id=request.scope.get("correlation_id"),
    )
    page.headers.update(problem.headers)
    return page


def plain(request: Request, problem: Problem) -> JSONResponse:
    """The problem as problem+json, whoever asks."""
    instance = re.sub(r"[^\x21-\x7e]", "?", request.url.path)
    body = problem.body(instance=instance, correlation_id=request.scope.get("correlation_id"))
    return JSONResponse(body, problem.status, dict(problem.headers), MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer in a browser."""
    path: str = request.scope["path"]
    return not path.startswith(("/api/", "/health/")) and "text/html" in request.headers.get("accept", "")


async def _handle(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status == 405:
        problem = Problem(405, problem.detail, headers={"Allow": ", ".join(_methods(request))})
    if problem.status >= 500 or isinstance(error, psycopg.DataError | UnicodeEncodeError):
        _log.warning("request failed", failure=type(error).__name__, reason=str(error))
    return respond(request, problem)


def _status(error: PlatformError) -> int:
    kinds = ((NotFound, 404), (Stale, 412), (Conflict, 409), (InvalidInput, 422), (TransientFailure, 503))
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def _invalid(error: RequestValidationError) -> Problem:
    errors = tuple(map(_entry, error.errors()))
    first = errors[0]
    detail = Message("invalid-input", "{field}: {reason}", field=first["field"], reason=first["message"])
    return Problem(422, detail, first["field"], errors)


def _entry(entry: Mapping[str, Any]) -> dict[str, str]:
    """Where and what, without the value: it may be a secret, and may not be writable at all."""
    place, *path = entry["loc"]
    if entry["type"] == "json_invalid":
        fault, at = entry["ctx"]["error"], entry["loc"][-1]
        message = Message("not-json", "is not JSON: {fault} at character {at}", fault=fault, at=at)
        return {"field": "body", "message": message}
    name = ".".join(map(str, path)) or str(place)
    return {"field": _printable(name), "message": _printable(message_of(entry))}


def _printable(text: str) -> str:
    plain_text = text.encode("utf-8", "replace").decode()[:500]
    return text if text == plain_text else plain_text  # a message stays one


def _methods(request: Request) -> list[str]:
    """All methods of the path: the router itself names those of the first route that it met."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
