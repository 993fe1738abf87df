"""Named SQL statements kept in `.sql` files beside the code that runs them.

A file holds one or more statements, each under a header line `-- name: claim_files`. What stands before the
first header is the file's own comment.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NoReturn

from psycopg.sql import SQL

_HEADER = re.compile(r"^--[ \t]*name:[ \t]*(\S+)[ \t]*$", re.MULTILINE)


class Statements(dict[str, SQL]):
    """The statements of one package by name."""

    def __init__(self, package: str) -> None:
        super().__init__()
        self.package = package

    def __missing__(self, name: str) -> NoReturn:
        raise KeyError(f"{self.package} has no statement {name!r}; it has {', '.join(sorted(self)) or 'none'}")


@cache
def load(package: str) -> Statements:
    """Every statement of a package's `.sql` files, read once per process.

    `load("batch_platform.finops.sql")["claim_files"]` is a `psycopg.sql.SQL`: execute it as it stands or fill
    `{identifier}`s with `.format`. Raises `ValueError` for a statement before a header, an empty one, or a
    name used twice in the package.
    """
    statements = Statements(package)
    for file in sorted(files(package).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for name, text in _statements(file.read_text("utf-8"), f"{package}/{file.name}"):
            if name in statements:
                raise ValueError(f"{package}/{file.name}: statement {name!r} is defined twice")
            statements[name] = SQL(text)
    return statements


def _statements(text: str, origin: str) -> list[tuple[str, str]]:
    preamble, *rest = _HEADER.split(text)
    if _code(preamble):
        raise ValueError(f"{origin}: a statement stands before the first '-- name:' header")
    pairs = list(zip(rest[::2], (body.strip() for body in rest[1::2]), strict=True))
    for name, body in pairs:
        if not _code(body):
            raise ValueError(f"{origin}: statement {name!r} is empty")
    return pairs


def _code(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
