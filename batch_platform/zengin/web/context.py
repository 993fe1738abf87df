"""What routes and pages of zengin work with, and how their writes come into the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData

from batch_platform.core import audit, postgres
from batch_platform.kit.domain import AppContext
from batch_platform.web.access.dependencies import current
from batch_platform.web.console import render
from batch_platform.web.context import web_of
from batch_platform.zengin.model import Approval, Changeset, Record
from batch_platform.zengin.opening import open_work
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import words
from batch_platform.zengin.web.files import FILES
from batch_platform.zengin.web.sentences import said

HOME: Final = "/console/zengin"


def open_state(app: AppContext) -> ZenginContext:
    """The use cases' context; the bank master may have a database of its own."""
    return app.opened.enter_context(open_work(app.settings))


async def work_of(request: Request) -> ZenginContext:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(ZenginContext, request.app.state.zengin)


class Texts:
    """The texts of a form without blanks around them; a field may come several times."""

    def __init__(self, form: FormData) -> None:
        self._values = [(name, value.strip()) for name, value in form.multi_items() if isinstance(value, str)]

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self._values if key == name), default)

    def all(self, name: str) -> list[str]:
        """The values of a field that is there several times, each once."""
        return list(dict.fromkeys(value for key, value in self._values if key == name and value))


async def _texts(request: Request) -> Texts:
    return Texts(await request.form())


Work = Annotated[ZenginContext, Depends(work_of)]
Form = Annotated[Texts, Depends(_texts)]


def page(request: Request, name: str, *, status_code: int = 200, **values: Any) -> Response:
    """A page of zengin: every template knows its words."""
    names = {
        "statuses": words.STATUSES,
        "changeset_statuses": words.CHANGESET_STATUSES,
        "verdicts": words.VERDICTS,
        "verdict_of": words.verdict,
        "risks": words.RISKS,
        "diff_types": words.DIFF_TYPES,
        "tables": words.TABLES,
        "classes": words.CLASSES,
        "class_notes": words.CLASS_NOTES,
        "hold_names": words.HOLD_NAMES,
        "hold_notes": words.HOLD_NOTES,
        "conflict_reasons": words.CONFLICT_REASONS,
        "asset": FILES.url,
        "row_text": words.row_text,
        "fields": words.FIELDS,
        "changed_diffs": words.changed_diffs,
        "other_columns": words.other_columns,
        "names_of": words.names,
        "age": words.age,
        "summary": words.SUMMARY,
        "options": words.options,
        "said": said,
        "risks_in": words.risk_counts,
        "classes_in": words.class_counts,
        "now": request.app.state.zengin.clock(),
    }
    return render(request, f"zengin/{name}.html", status=status_code, **names, **values)


def told(request: Request, what: str, before: Sequence[Record], after: Sequence[Record]) -> None:
    """A row of the audit log for each record that a decision was about."""
    _audit(request, what, rows_of_records(before, after))


def told_changeset(
    request: Request, what: str, before: Changeset, after: Changeset, **more: str | int | None
) -> None:
    """A row of the audit log for a decision about a whole changeset."""
    _audit(request, what, [row_of_changeset(before, after, **more)])


def rows_of_records(
    before: Sequence[Record], after: Sequence[Record], **more: str | int | None
) -> list[tuple[str, Any, Any]]:
    """Id, state before and state after of each record that a decision was about; `more` belongs to the latter."""
    were = {record.id: _brief(record) for record in before}
    return [(record.id, were.get(record.id), {**_brief(record), **more}) for record in after]


def row_of_changeset(before: Changeset, after: Changeset, **more: str | int | None) -> tuple[str, Any, Any]:
    """As `rows_of_records`, of a decision about a whole changeset."""
    return before.id, _brief(before), {**_brief(after), **more}


def written_down(
    pool: postgres.Pool,
    rows: Sequence[tuple[str, Any, Any]],
    *,
    who: str,
    what: str,
    now: datetime,
    correlation_id: str | None = None,
) -> None:
    """Into the audit log, in one transaction; the decision itself is committed, and traced by its `transitions`."""
    with postgres.transaction(pool) as own:
        for target, before, after in rows:
            audit.record(
                own,
                who=who,
                what=what,
                target=target,
                before=before,
                after=after,
                correlation_id=correlation_id,
                now=now,
            )


def _audit(request: Request, what: str, rows: Sequence[tuple[str, Any, Any]]) -> None:
    web = web_of(request)
    written_down(
        web.pool,
        rows,
        who=current(request).subject,
        what=what,
        now=web.clock(),
        correlation_id=request.scope.get("correlation_id"),
    )


def _brief(of: Record | Changeset) -> dict[str, Any]:
    return {"status": of.status.value, "version": of.version, "approvals": list(map(_approval, of.approvals))}


def _approval(approval: Approval) -> dict[str, str]:
    return {"account": approval.account, "at": approval.at.isoformat()}
