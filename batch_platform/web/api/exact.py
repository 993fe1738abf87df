"""JSON whose numbers are money: read and written digit by digit, never by way of a binary float."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from batch_platform.web.api.refusals import Refusal

_LONGEST: Final = 64
_NOT_A_NUMBER: Final = Decimal("NaN")


class ExactRoute(APIRoute):
    """A route whose body's numbers are `int` and `Decimal`.

    NaN, an infinity and a number of more than 64 characters become NaN, which no field takes: so the refusal names
    the field. A name that is there twice is refused, because readers differ in which of the two they believe.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def exact(request: Request) -> Response:
            return await handler(_ExactRequest(request.scope, request.receive))

        return exact


class _ExactRequest(Request):
    async def json(self) -> Any:
        return json.loads(
            await self.body(),
            parse_float=_decimal,
            parse_int=_whole,
            parse_constant=_decimal,
            object_pairs_hook=_once,
        )


class ExactJson(JSONResponse):
    """An answer of models, with each `Decimal` as a number of exactly its digits."""

    def render(self, content: BaseModel) -> bytes:
        return written(content.model_dump(mode="python", by_alias=True)).encode()


def written(value: Any) -> str:
    """Plain values as JSON; a `Decimal` keeps its digits, and is never written with an exponent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(name), ensure_ascii=False)}:{written(member)}" for name, member in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    return json.dumps(to_jsonable_python(value), ensure_ascii=False, allow_nan=False)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text) if len(text) <= _LONGEST else _NOT_A_NUMBER
    except InvalidOperation:  # an exponent beyond all bounds
        return _NOT_A_NUMBER


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST else _NOT_A_NUMBER


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refusal(422, "member-twice", "the body has {member} twice", member=ascii(twice)[:80])
    return members
