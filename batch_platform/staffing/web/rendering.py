"""How staffing's pages are rendered: all know its words, and ids as people read them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request, Response

from batch_platform.core.messages import from_json
from batch_platform.staffing import ids
from batch_platform.staffing.web import words
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import render

HOME: Final = "/console/staffing"
READ: Final = [requires("staffing:read")]
OPERATE: Final = [requires("staffing:operate")]
APPROVE: Final = [requires("staffing:approve")]
ROWS: Final = 50
CHART_DAYS: Final = 60


def page(request: Request, name: str, **values: Any) -> Response:
    """A page of staffing."""
    return render(
        request,
        f"staffing/{name}.html",
        staffing_home=HOME,
        id_text=ids.shown,
        kept_message=from_json,
        words=words,
        now=request.app.state.staffing.clock(),
        **values,
    )
