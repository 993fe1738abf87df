"""Console pages of the master itself: search, branches of a bank, what was applied; now or as of a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput
from batch_platform.web.api.strict import IsoDate, QueryBool
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Cursor
from batch_platform.zengin import service
from batch_platform.zengin.web.api import READ, download
from batch_platform.zengin.web.context import HOME, Context, page

ROWS: Final = 100

_DATE: Final[TypeAdapter[date]] = TypeAdapter(IsoDate)
_PLACE: Final = {"bank_code": str, "branch_code": str, "valid_from": date, "valid_to": bool, "other": bool}

Text = Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]

router = APIRouter(include_in_schema=False)


@router.get(f"{HOME}/banks", dependencies=READ)
def banks_page(request: Request, context: Context, q: Text = "", as_of: str = "", cursor: Cursor = None) -> Response:
    """The banks by code; with words, the banks and branches that have or had such a name."""
    day, errors = _day(as_of)
    banks: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    if q.strip():
        after = cursors.decode(cursor, **_PLACE)
        with context.store.snapshot() as session:
            rows = session.search(q, as_of=day, after=after or None, limit=ROWS + 1)
        shown, following = cursors.cut(rows, ROWS, _place)
    else:
        banks, following = service.banks(context, as_of=day, limit=ROWS, cursor=cursor)
    return page(
        request,
        "banks",
        banks=banks,
        found=shown,
        q=q.strip(),
        as_of=day or "",
        errors=errors,
        cursor=cursor,
        following=following,
    )


@router.get(f"{HOME}/banks/{{code}}", dependencies=READ)
def branches_page(
    request: Request, context: Context, code: str, q: Text = "", as_of: str = "", cursor: Cursor = None
) -> Response:
    day, errors = _day(as_of)
    branches, following = service.branches(context, code, q.strip(), as_of=day, limit=ROWS, cursor=cursor)
    banks, _more = service.banks(context, code, as_of=day, limit=1)
    return page(
        request,
        "branches",
        code=code,
        bank=next((bank for bank in banks if bank["bank_code"] == code), None),
        branches=branches,
        q=q.strip(),
        as_of=day or "",
        errors=errors,
        cursor=cursor,
        following=following,
    )


@router.get(f"{HOME}/history", dependencies=READ)
def history_page(
    request: Request, context: Context, key: Text = "", changeset: Text = "", cursor: Cursor = None
) -> Response:
    """Applied changes, the newest first: all, of a changeset, or of a code, with the rows it ever had."""
    key = key.strip()
    rows, following = service.history_of(
        context, changeset_id=changeset or None, key=key or None, limit=ROWS, cursor=cursor
    )
    versions: list[dict[str, Any]] = []
    if key:
        bank, _dash, branch = key.partition("-")
        with context.store.snapshot() as session:
            versions = session.versions(bank, branch or None)
    return page(
        request,
        "history",
        rows=rows,
        versions=versions,
        key=key,
        changeset=changeset,
        cursor=cursor,
        following=following,
    )


@router.get(f"{HOME}/export", dependencies=READ)
def export_page(request: Request, context: Context, as_of: str = "", skip_unwritable: QueryBool = False) -> Response:
    """The file for transfers; or, where it would lack something, what that is and the question whether to go on."""
    day, errors = _day(as_of)
    if errors:
        raise InvalidInput("date-so-written", "A date is written YYYY-MM-DD.", field="as_of")
    try:
        return download(service.export(context, "zengin", as_of=day, skip_unwritable=skip_unwritable))
    except service.UnwritableError as error:
        return page(request, "unwritable", status=409, rows=error.rows, as_of=day or "")


def _day(text: str) -> tuple[date | None, dict[str, str] | None]:
    """The day, or why there is none: what is not a date shows the master of today."""
    try:
        return (_DATE.validate_python(text) if text else None), None
    except ValidationError:
        return None, {"as_of": _("A date is written YYYY-MM-DD.")}


def _place(row: dict[str, Any]) -> dict[str, Any]:
    return {**{name: row[name] for name in _PLACE}, "valid_to": row["valid_to"] is not None}
