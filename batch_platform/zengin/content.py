"""Names of contents: equal hashes, equal rows. SHA-256, so that they outlive every library and PostgreSQL agrees.

The hash of a row is that of its columns, in the order of `BANK_COLUMNS` or `BRANCH_COLUMNS`, joined by U+001F; in
SQL: encode(sha256(convert_to(concat_ws(chr(31), bank_code, bank_name, …), 'UTF8')), 'hex').
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import polars as pl

from batch_platform.zengin.model import BANK_COLUMNS, BRANCH_COLUMNS

SEPARATOR: Final = "\x1f"


def content_hash(banks: pl.DataFrame, branches: pl.DataFrame) -> str:
    """Names the rows of both tables, whatever their order."""
    digest = sha256()
    for name, frame, columns in (("banks", banks, BANK_COLUMNS), ("branches", branches, BRANCH_COLUMNS)):
        digest.update(f"{name} {frame.height}\n".encode())
        digest.update(lines(frame, row_text(columns)).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def row_text(columns: Sequence[str | pl.Expr]) -> pl.Expr:
    """What the hash of a row is taken of; null where any of the columns is."""
    return pl.concat_str(*columns, separator=SEPARATOR)


def lines(frame: pl.DataFrame, text: pl.Expr) -> str:
    """A text for each row of a frame as lines in order of the texts, whatever the order of the rows."""
    joined: str = frame.select(text.sort().str.join("\n")).item()
    return joined


def row_hashes(texts: pl.Series) -> pl.Series:
    """The hash of each `row_text`; null for none."""
    hashes = [None if text is None else sha256(text.encode()).hexdigest() for text in texts.to_list()]
    return pl.Series("row_hash", hashes, dtype=pl.String())


def row_hash(values: Iterable[str]) -> str:
    """The hash of one row, given its columns in order."""
    return sha256(SEPARATOR.join(values).encode()).hexdigest()
