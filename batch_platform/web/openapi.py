"""The OpenAPI document: adds to what the framework knows of each route what holds for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from batch_platform.web.access.dependencies import SAFE_METHODS, requirement_of
from batch_platform.web.api import idempotency, problems
from batch_platform.web.api.preconditions import IF_MATCH, PATTERN

CONVENTIONS: Final = """\
Answers are `{success, data, message}`. The `data` of a list is `{items, nextCursor}`: `cursor` takes the next page,
until it is null. Errors are RFC 9457 problems with a stable `type`, that of the message, and the `field` at fault.

Unknown fields and parameters are refused, and nothing is coerced. Writes honour `Idempotency-Key`. A PUT names what
it replaces by `If-Match`; a GET that tells of a 304 honours `If-None-Match`.

| | how it is written |
| --- | --- |
| paths | lower case, words joined by hyphens; what a POST does stands at the end |
| fields | camelCase, or snake_case as the specification of that API has them: its tag says which |
| ids | strings that mean nothing to callers |
| moments | RFC 3339 in UTC, `2026-10-01T14:00:00Z`; in requests any offset, or Japan's time without one |
| days and months | `2026-10-01`, `2026-10`, of Asia/Tokyo; of UTC in trading |
| money and rates | decimal strings of exactly their digits; satoshi, yen and the rates of btc are exact numbers |
"""

_EVERYWHERE: Final = (401, 403, 406, 422, 429, 503)
_OF_WRITES: Final = (409, 413, 415)
_TEXT: Final = {"type": "string"}
_FILE: Final = {"type": "string", "format": "binary"}
_GENERIC: Final = ("Envelope_", "Page_")
_SCHEMAS: Final = "#/components/schemas/"
_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_SECURITY: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"session": []}]


class DocumentedApp(FastAPI):
    """An app whose document names every problem, permission and header that its middlewares add."""

    session_cookie = "session"

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            self._complete(document)
            schemas["Problem"] = dict(problems.SCHEMA)
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            self.openapi_schema = _with_plain_names(document)
        return self.openapi_schema

    def _complete(self, document: dict[str, Any]) -> None:
        document["components"]["securitySchemes"] = {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "`batch-platform token --role ROLE`, or a token of the OIDC provider.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": self.session_cookie,
                "description": "A signed-in browser; writes need X-CSRF-Token too.",
            },
        }
        for route in iter_route_contexts(self.routes):
            for method in route.methods or ():
                operation = document.get("paths", {}).get(route.path_format, {}).get(method.lower())
                if operation is not None:
                    _complete(operation, route, method)


def operation_id(route: APIRoute) -> str:
    """`batch_list_jobs`: the tag keeps the domains' names apart."""
    return f"{route.tags[0] if route.tags else 'web'}_{route.name}".replace("-", "_")


def _complete(operation: dict[str, Any], route: Any, method: str) -> None:
    requirement = requirement_of(route)
    permission = requirement.permission if requirement else None
    if permission is None:
        operation["security"] = []
    else:
        operation["security"] = _SECURITY
        operation["x-permission"] = permission
        also = f", or {requirement.also}" if requirement and requirement.also else ""
        operation["description"] = f"{operation.get('description', '')}\n\nPermission: `{permission}`{also}.".strip()
    operation["tags"] = list(dict.fromkeys(operation["tags"]))  # a router within another of its tag has it twice
    operation["summary"] = _first_sentence(operation.get("description") or operation["summary"])
    responses = operation.setdefault("responses", {})
    for response in responses.values():
        for media_type, content in response.get("content", {}).items():
            content.setdefault("schema", _TEXT if media_type.startswith("text/") else _FILE)
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    anybody = (429, 503) if method in SAFE_METHODS else (403, 406, 422, 429, 503)
    common = list(_EVERYWHERE if permission is not None else anybody)
    if method not in SAFE_METHODS:
        common += _OF_WRITES if permission is not None else (413, 415)
    if method not in SAFE_METHODS and permission is not None:
        _add_idempotency_key(operation)
    if method == "PUT":
        common += (412, 428)
        _demand_if_match(operation)
    if "304" in responses:
        _add_if_none_match(operation)
    if "{" in route.path_format:
        common.append(404)
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _standard(parameter["schema"])
    for status, response in problems.documented(*common).items():
        responses.setdefault(str(status), response)


def _add_if_none_match(operation: dict[str, Any]) -> None:
    text = "ETags of what is known already, or `*`: the answer is 304 where it is still so."
    parameter = {"name": "If-None-Match", "in": "header", "required": False, "description": text}
    operation.setdefault("parameters", []).append({**parameter, "schema": dict(_TEXT)})


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.;:])\s", " ".join(text.split()), maxsplit=1)[0].rstrip(".;:")


def _demand_if_match(operation: dict[str, Any]) -> None:
    """It is optional to the framework alone, whose answer would be 422 instead of 428."""
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == IF_MATCH:
            parameter.update(required=True, schema={"type": "string", "pattern": PATTERN})


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Schemas under the names that their models have: pydantic writes generic ones as `Envelope_Page_X__`, which
    generators of clients make classes of."""
    schemas = document["components"]["schemas"]
    names = {name: schema["title"] for name, schema in schemas.items() if name.startswith(_GENERIC)}
    document["components"]["schemas"] = {names.get(name, name): schema for name, schema in schemas.items()}
    references = {f"{_SCHEMAS}{name}": f"{_SCHEMAS}{plain}" for name, plain in names.items()}
    renamed: dict[str, Any] = _replaced(document, references)
    return renamed


def _replaced(part: Any, references: Mapping[str, str]) -> Any:
    if isinstance(part, list):
        return [_replaced(member, references) for member in part]
    if not isinstance(part, dict):
        return part
    return {
        name: references.get(member, member) if name == "$ref" else _replaced(member, references)
        for name, member in part.items()
    }


def _standard(schema: dict[str, Any]) -> dict[str, Any]:
    """Pydantic writes bounds behind a validator of ours under its own names."""
    return {_BOUNDS.get(name, name): value for name, value in schema.items()}


def _add_idempotency_key(operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    schema = {"type": "string", "pattern": idempotency.PATTERN}
    known = next((parameter for parameter in parameters if parameter["name"] == idempotency.HEADER), None)
    if known is None:
        description = "The same key and body give the same answer, for a day; another body gives 422."
        known = {"name": idempotency.HEADER, "in": "header", "required": False, "description": description}
        parameters.append(known)
    known["schema"] = schema
