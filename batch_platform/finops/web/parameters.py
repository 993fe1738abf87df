"""What the routes of the finops API share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

from fastapi import Depends, Path
from pydantic import JsonValue
from pydantic.alias_generators import to_camel

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.web.context import work_of
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api import paths as _paths  # noqa: F401 (the convertor of `{projectId:name}`)
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.paging import Page, PageQuery

READ: Final = [requires("finops:read")]
OPERATE: Final = [requires("finops:operate")]
WRITE: Final = [requires("finops:write")]

ProjectId = Annotated[
    str,
    Path(
        alias="projectId",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="A project's id.",
        examples=["acme"],
    ),
]
Work = Annotated[service.FinopsContext, Depends(work_of)]
Paging = Annotated[PageQuery, Depends()]


def like(pattern: str) -> dict[str, JsonValue]:
    """Tells the pattern in the schema only: what breaks it is refused by the service, in a sentence."""
    return {"pattern": pattern}


@contextmanager
def wire_names() -> Iterator[None]:
    """What the service calls `role_arn` is the request's `roleArn`."""
    try:
        yield
    except InvalidInput as error:
        if error.field is not None:
            error.field = to_camel(error.field)
        raise


def page_of(items: list[Any], following: str | None) -> Envelope[Page[Any]]:
    return Envelope(data=Page(items=items, next_cursor=following))
