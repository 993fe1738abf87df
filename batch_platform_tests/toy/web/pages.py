"""Routes and the page of toy."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from toy import service
from toy.settings import ToySettings

from batch_platform.kit.domain import AppContext, WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem, render
from batch_platform.web.context import web_of

api = APIRouter(prefix="/api/toys", tags=["toy"])
pages = APIRouter()


@api.get("", dependencies=[requires("toys:read")])
def read_toys(request: Request) -> Envelope[list[dict[str, Any]]]:
    return Envelope(data=service.toys(web_of(request).pool))


@api.post("/{name}/wind", dependencies=[requires("toys:wind")])
def wind_toy(request: Request, name: str) -> Envelope[str]:
    service.wind(web_of(request).pool, name, request.app.state.toy.turns)
    return Envelope(data=name)


@pages.get("/console/toys", dependencies=[requires("toys:read")])
def toys_page(request: Request) -> Response:
    return render(request, "toy/toys.html", toys=service.toys(web_of(request).pool))


def _state(app: AppContext) -> ToySettings:
    return app.settings.of(ToySettings)


WEB: Final = WebRoom(
    part=Part(
        routers=(api,),
        pages=(pages,),
        navigation=(NavItem(key="toys", label="Toys", path="/console/toys", permission="toys:read", order=90),),
        templates="toy.web",
    ),
    card=DashboardCard(
        title="Toys",
        permission="toys:read",
        load=lambda request: {"toys": len(service.toys(web_of(request).pool))},
        template="toy/card.html",
    ),
    open_state=_state,
)
