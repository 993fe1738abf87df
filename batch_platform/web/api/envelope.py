"""The envelope of the specs: every answer of the API says whether it succeeded and carries its data."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from batch_platform.web.api.strict import StrictModel, schema_name

T = TypeVar("T")


class Envelope(StrictModel, Generic[T]):
    """`Envelope(data=...)` of a route; failures are problems instead."""

    success: bool = True
    data: T
    message: str | None = None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{schema_name(params[0])}Envelope"
