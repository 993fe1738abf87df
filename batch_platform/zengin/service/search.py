"""The master for readers: search with folding, branches of a bank, exports, all also as of a past day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.zengin.export import Unwritable, UnwritableError, to_csv, to_transfer, unwritable, without
from batch_platform.zengin.service.context import ZenginContext

EXPORTS: Final = ("csv", "zengin")
"""`csv`: UTF-8, both tables joined; `zengin`: half-width kana for transfers, cp932, CRLF."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Export:
    """A file for download."""

    name: str
    media_type: str
    content: bytes
    left_out: tuple[Unwritable, ...] = ()
    """What it could not carry and was told to leave out."""


def banks(
    context: ZenginContext, text: str = "", *, as_of: date | None = None, limit: int = 50, cursor: str | None = None
) -> tuple[Rows, str | None]:
    """Banks by code or by name in any writing, old names too; and the cursor of the next page."""
    after = cursors.decode(cursor, after=str).get("after")
    with context.store.snapshot() as session:
        rows = session.banks_page(text, as_of=as_of, after=after, limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"after": row["bank_code"]})


def branches(
    context: ZenginContext,
    bank_code: str,
    text: str = "",
    *,
    as_of: date | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[Rows, str | None]:
    """The branches of a bank. Raises `NotFound` for a bank that is not there (on that day)."""
    after = cursors.decode(cursor, after=str).get("after")
    with context.store.snapshot() as session:
        if not session.banks_page(bank_code, as_of=as_of, limit=1):
            raise NotFound("unknown-bank", "there is no bank {bank}", bank=bank_code, field="bank_code")
        rows = session.branches_page(bank_code, text, as_of=as_of, after=after, limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"after": row["branch_code"]})


def master_as_of(context: ZenginContext, day: date | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both tables of one moment: now, or at the end of a business date."""
    with context.store.snapshot() as session:
        return session.current_master() if day is None else session.master_as_of(day)


def export(context: ZenginContext, kind: str, *, as_of: date | None = None, skip_unwritable: bool = False) -> Export:
    """The whole master as a file. Raises `InvalidInput` for a format that is not in `EXPORTS`.

    A file for transfers that could not carry every bank and branch whole is refused with `UnwritableError`, or
    leaves those out (`skip_unwritable`), a bank with its branches.
    """
    if kind not in EXPORTS:
        raise InvalidInput(
            "unknown-export-format",
            "the format is {choices}, not {format}",
            choices=" or ".join(EXPORTS),
            format=kind,
            field="format",
        )
    frames = master_as_of(context, as_of)
    day = f"{as_of or context.business_date():%Y%m%d}"
    if kind == "zengin":
        lacking = unwritable(*frames)
        if lacking and not skip_unwritable:
            raise UnwritableError(lacking)
        content = to_transfer(*without(*frames, lacking))
        return Export(f"zengin-{day}.txt", "text/csv; charset=Shift_JIS", content, lacking)
    return Export(f"banks-{day}.csv", "text/csv; charset=utf-8", to_csv(*frames))
