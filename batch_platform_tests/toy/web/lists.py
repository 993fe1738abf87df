"""The list of toy, declared once for API, command line and console."""

from __future__ import annotations

from typing import Final

from toy import service

from batch_platform.kit.lists import List, NoFilters, unpaged
from batch_platform.web.api.answers import Answer


class ToyAnswer(Answer):
    """A toy and the turns that are left."""

    name: str
    turns: int


TOYS: Final = List(
    filters=NoFilters,
    read=unpaged(service.toys),
    row=ToyAnswer,
    columns={"toy": "name", "turns left": "turns"},
    empty="no toy",
    paging=None,
    name="list_toys",
    doc="Every toy.",
)
