"""The bytes of a release as text: which encoding they are in, and JSON that holds nothing but text."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from typing import Any, Final

from batch_platform.core.failures import PermanentFailure

Pairs = Callable[[list[tuple[str, Any]]], Any]

CP932: Final = "cp932"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 (little-endian)"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 (big-endian)"),
)
_END_OF_FILE: Final = re.compile(r"\x1a[\x1a\s]*\Z")
"""What DOS writes at the end of a file, and whatever follows it."""
_STRAY: Final = re.compile("[\x80\uf8f0-\uf8f3]")
"""What Python makes of bytes that begin no letter of cp932."""


class ReadError(PermanentFailure):
    """A release that cannot be taken as it is."""


def decoded(content: bytes, where: str, *, cp932: bool = False) -> tuple[str, str]:
    """The text of a file without byte order mark and DOS's end of file, and the name of its encoding.

    A byte order mark decides; without one it is UTF-16 where a first ASCII character has a NUL beside it, else UTF-8,
    or with `cp932` that where it cannot be UTF-8. Raises `ReadError` for anything else, with the row, and for NUL
    characters.
    """
    mark, encoding, name = _encoding(content, cp932=cp932)
    text = _strictly(content.removeprefix(mark), encoding, name, where)
    if "\0" in text:
        raise ReadError(
            "file-has-nul",
            "{where}, row {row} has a NUL character.",
            where=where,
            row=text.count(chr(10), 0, text.index(chr(0))) + 1,
        )
    return _END_OF_FILE.sub("", text), name


def parsed(text: str, where: str, *, pairs: Pairs) -> Any:
    """A JSON text, its objects made by `pairs`. Raises `ReadError` for what is no JSON, is nested too deeply, or has
    half of a surrogate pair, which no text can hold."""
    try:
        value = json.loads(text, object_pairs_hook=pairs)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ReadError("json-nested-too-deeply", "{where} is nested too deeply.", where=where) from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        if row := _row(text, error):
            raise ReadError(
                "half-surrogate-in-row",
                "{where} has {half}, half of a surrogate pair in row {row}.",
                where=where,
                half=half,
                row=row,
            ) from None
        raise ReadError(
            "half-surrogate", "{where} has {half}, half of a surrogate pair.", where=where, half=half
        ) from None
    except ValueError as error:
        raise ReadError(
            "release-no-json", "{where} is not JSON: {reason}.", where=where, reason=str(error)
        ) from error
    return value


def _row(text: str, error: UnicodeEncodeError) -> int | None:
    """The row in which the escape of it stands, if it is spelt as usual."""
    at = text.lower().find(f"\\u{ord(error.object[error.start]):04x}")
    return text.count(chr(10), 0, at) + 1 if at >= 0 else None


def _strictly(content: bytes, encoding: str, name: str, where: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content.count("\n".encode(encoding), 0, error.start) + 1
        raise ReadError(
            "row-wrongly-encoded", "{where}, row {row} is not {encoding}.", where=where, row=row, encoding=name
        ) from error
    if encoding == CP932 and (stray := _STRAY.search(text)):
        raise ReadError(
            "row-wrongly-encoded",
            "{where}, row {row} is not {encoding}.",
            where=where,
            row=text.count(chr(10), 0, stray.start()) + 1,
            encoding=name,
        )
    return text


def _encoding(content: bytes, *, cp932: bool) -> tuple[bytes, str, str]:
    """The byte order mark of a file, its encoding, and that one's name."""
    for mark, encoding, name in _MARKS:
        if content.startswith(mark):
            return mark, encoding, name
    first = content[:2]
    if len(first) == 2 and first.count(0) == 1:
        return b"", *_MARKS[2 if first[0] == 0 else 1][1:]
    name = CP932 if cp932 and not _is_utf8(content) else "UTF-8"
    return b"", name, name


def _is_utf8(content: bytes) -> bool:
    """Whether bytes are a Japanese text in UTF-8: two half-width kana of cp932 may be one letter of it, a Latin or
    Greek one."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return content.isascii() or any(letter >= "\u0800" for letter in text)
