"""What routes and pages of zengin work with."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request, Response

from batch_platform.kit import session
from batch_platform.kit.domain import AppContext
from batch_platform.kit.session import Session
from batch_platform.web.console import render
from batch_platform.zengin import letters
from batch_platform.zengin.opening import open_work
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import words
from batch_platform.zengin.web.files import FILES

HOME: Final = "/console/zengin"


def open_state(app: AppContext) -> ZenginContext:
    """The use cases' context; the bank master may have a database of its own."""
    return app.opened.enter_context(open_work(app.settings))


async def work_of(request: Request) -> ZenginContext:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(ZenginContext, request.app.state.zengin)


async def session_of(request: Request) -> Session[ZenginContext]:
    """Whoever asks, with the use cases' context."""
    return session.of_request(request, await work_of(request))


Work = Annotated[ZenginContext, Depends(work_of)]
Acting = Annotated[Session[ZenginContext], Depends(session_of)]


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
        "changed_diffs": letters.changed_diffs,
        "other_columns": letters.other_columns,
        "names_of": words.names,
        "age": words.age,
        "summary": words.SUMMARY,
        "options": words.options,
        "risks_in": words.risk_counts,
        "classes_in": words.class_counts,
        "now": request.app.state.zengin.clock(),
    }
    return render(request, f"zengin/{name}.html", status=status_code, **names, **values)
