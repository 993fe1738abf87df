"""The fonts of the documents, shipped with the package: Noto Sans JP, regular and bold (SIL Open Font License).

System fonts are never used: the same text looks the same, and has the same bytes, on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from batch_platform.core.failures import InvalidInput

if TYPE_CHECKING:
    from typst import Fonts

Value = TypeVar("Value")

FOLDER: Final = Path(__file__).with_name("fonts")
_REGULAR: Final = FOLDER / "NotoSansJP-Regular.ttf"
_LINE_ENDS: Final = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# Radicals that NFKC makes ordinary characters. Both have one glyph, so a PDF's text would hold whichever came first.
_RADICALS: Final = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in (0x2E9F, 0x2EF3, *range(0x2F00, 0x2FD6))
}
_GETA: Final = "〓"
_PLAIN: Final = {**_RADICALS, ord("\t"): " "}


class MissingGlyph(InvalidInput):
    """A text has characters that the fonts lack; the document cannot be printed as it is."""

    def __init__(self, field: str, characters: list[str]) -> None:
        self.characters = characters
        super().__init__(
            "missing-glyph",
            "{field}: the document's fonts lack {characters}",
            field=field,
            characters=", ".join(_named(character) for character in characters),
        )


@cache
def fonts() -> Fonts:
    """The two fonts, loaded once a process."""
    from typst import Fonts

    return Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FOLDER])


def printable(text: str, field: str) -> str:
    """The text as documents show it: the same to the eye, without radicals, tabs and invisible format characters.

    `field` says whose text it is. Raises `MissingGlyph` for characters, or variants of one, that the fonts lack.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text).translate(_PLAIN)
    covered, variants = _coverage()
    text = "".join(c for c in text if ord(c) in covered or _is_selector(c) or unicodedata.category(c) != "Cf")
    missing: dict[str, None] = {}
    for before, character in zip("\n" + text, text, strict=False):
        if _is_selector(character):
            if (ord(character), ord(before)) not in variants:
                missing[before + character] = None
        elif ord(character) not in covered:
            missing[character] = None
    if missing:
        raise MissingGlyph(field, list(missing))
    return text


def all_printable(value: Value, field: str) -> Value:
    """The value, which `field` names, with each text in it and in its parts as `printable` makes it."""
    return _each_text(value, field, printable)


def all_legible(value: Value) -> Value:
    """The value with 〓, as Japanese printers do, in each text for what the fonts lack: for a document of many."""
    return _each_text(value, "", _legible)


def _legible(text: str, _field: str) -> str:
    while True:
        try:
            return printable(text, "")
        except MissingGlyph as error:
            for characters in error.characters:
                text = text.replace(characters, _GETA)


def _each_text(value: Value, field: str, legible: Callable[[str, str], str]) -> Value:
    made: Any = value
    if isinstance(value, str):
        made = legible(value, field)
    elif isinstance(value, tuple):
        made = tuple(_each_text(each, f"{field}[{index}]", legible) for index, each in enumerate(value))
    elif is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: getattr(value, part.name) for part in fields(value)}
        texts = {name: _each_text(part, f"{field}.{name}", legible) for name, part in parts.items()}
        made = value if texts == parts else replace(value, **texts)
    return cast("Value", made)


def _is_selector(character: str) -> bool:
    """Whether it asks for a variant of the character before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _named(characters: str) -> str:
    points = " ".join(f"U+{ord(character):04X}" for character in characters)
    return f"{characters} ({points})" if characters.isprintable() else points


@cache
def _coverage() -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    """Characters of the fonts and the end of a line; pairs of selector and character. Both fonts have the same."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    with TTFont(_REGULAR, lazy=True) as font:
        tables = font["cmap"].tables
        variants = {
            (selector, character)
            for table in tables
            if table.format == 14
            for selector, pairs in table.uvsDict.items()
            for character, _ in pairs
        }
        return frozenset(font.getBestCmap()) | {ord("\n")}, frozenset(variants)
