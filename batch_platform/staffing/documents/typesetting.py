"""Templates and values to PDF/A-3b, by typst. The bytes depend on the arguments alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, Final

from batch_platform.staffing.documents.fonts import fonts
from batch_platform.staffing.documents.model import Rendered

if TYPE_CHECKING:
    from typst import Compiler

_TEMPLATES: Final = Path(__file__).with_name("templates")
_THREAD: Final = local()
# A line may end within a run of letters as long as this, which has no better place for it.
_PIECE: Final = 12
_LONG_RUN: Final = re.compile(rf"[^\s\u2e80-\U0010ffff]{{{2 * _PIECE},}}")


def typeset(template: str, data: Mapping[str, Any], *, xml: bytes = b"", tagged: bool = False) -> Rendered:
    """The PDF of a template by its file's name, filled with texts and lists of texts that are `printable`.

    A tagged PDF can be read aloud, and takes more time and space.
    """
    pdf = _compiler().compile(
        _template(template),
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False, separators=(",", ":")), "xml": xml.decode()},
        pdf_standards="a-3b",
        pdf_tags=tagged,
    )
    assert isinstance(pdf, bytes)
    return Rendered(pdf, sha256(pdf).hexdigest(), xml)


def breakable(text: str) -> str | list[str]:
    """The text, in pieces if it has a run of letters too long for a line."""
    if len(text) < 2 * _PIECE or not _LONG_RUN.search(text):
        return text
    return [piece for piece in re.split(rf"((?:{_LONG_RUN.pattern}))", text) for piece in _pieces(piece)]


def day(value: date) -> str:
    """A date as Japanese documents write it."""
    return f"{value.year}年{value.month}月{value.day}日"


def datetime_fields(value: date) -> dict[str, int]:
    """A date as the arguments of typst's `datetime`."""
    return {"year": value.year, "month": value.month, "day": value.day}


def _pieces(text: str) -> list[str]:
    if not _LONG_RUN.fullmatch(text):
        return [text] if text else []
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


@cache
def _template(name: str) -> bytes:
    return (_TEMPLATES / name).read_bytes()


def _compiler() -> Compiler:
    """One a thread: a compiler serves one at a time, and to make one takes longer than a page."""
    from typst import Compiler

    if not hasattr(_THREAD, "compiler"):
        _THREAD.compiler = Compiler(b"", font_paths=fonts(), ignore_system_fonts=True)
    compiler: Compiler = _THREAD.compiler
    return compiler
