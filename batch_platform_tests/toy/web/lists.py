"""The list of toy, declared once for API, command line and console."""

from __future__ import annotations

from typing import Final

from toy import service
from toy.service import Row, ToyContext

from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.web.api.strict import StrictModel


class ToyAnswer(StrictModel):
    """A toy and the turns that are left."""

    name: str
    turns: int

    @classmethod
    def of(cls, row: Row) -> ToyAnswer:
        return cls(**row)


def _toys(context: ToyContext, _filters: NoFilters, _paging: Paging) -> tuple[list[Row], None]:
    return service.toys(context), None


TOYS: Final = List(
    filters=NoFilters,
    read=_toys,
    row=ToyAnswer,
    of=ToyAnswer.of,
    columns={"toy": "name", "turns left": "turns"},
    empty="no toy",
    paging=None,
)
