"""What a form of the console brings: its texts, without blanks around them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData


class Texts(dict[str, str]):
    """The texts by field; `""` for one that is not there, the first of one that is there several times."""

    def __init__(self, form: FormData) -> None:
        self._values = [(name, value.strip()) for name, value in form.multi_items() if isinstance(value, str)]
        super().__init__(reversed(self._values))

    def __missing__(self, name: str) -> str:
        return ""

    def all(self, name: str) -> list[str]:
        """The values of a field that is there several times, each once, without empty ones."""
        return list(dict.fromkeys(value for key, value in self._values if key == name and value))


async def _texts(request: Request) -> Texts:
    return Texts(await request.form())


Form = Annotated[Texts, Depends(_texts)]
