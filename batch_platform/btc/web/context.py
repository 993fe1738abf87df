"""What routes and pages of btc work with: the use cases' context in the hands of whoever asks."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request, Response

from batch_platform.btc import money
from batch_platform.btc.actions import Acting
from batch_platform.btc.opening import open_context
from batch_platform.btc.service import BtcContext
from batch_platform.btc.web import words
from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import session_on
from batch_platform.web.console import render
from batch_platform.web.package_files import PackageFiles

HOME: Final = "/console/admin/batch-operations"
FILES: Final = PackageFiles("batch_platform.btc.web", f"{HOME}/files", "btc.css", permission="batch:read")


def open_state(app: AppContext) -> BtcContext:
    """It holds nothing that has to be closed."""
    return open_context(app.settings, clock=app.web.clock)


Caller = Annotated[Acting, session_on("btc")]


def page(request: Request, name: str, **values: Any) -> Response:
    """A page of btc."""
    return render(request, f"btc/{name}.html", words=words, money=money, asset=FILES.url, home=HOME, **values)
