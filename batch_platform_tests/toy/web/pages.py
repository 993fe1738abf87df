"""Routes and the page of toy."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from toy import service
from toy.opening import open_context
from toy.service import ToyContext
from toy.web.actions import WIND
from toy.web.lists import TOYS, ToyAnswer

from batch_platform.core.surfaces import writes
from batch_platform.kit import actions, lists
from batch_platform.kit.domain import AppContext, WebRoom
from batch_platform.kit.requests import session_on, state_of
from batch_platform.kit.session import Session
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.access.dependencies import requires
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem, render

api = APIRouter(prefix="/api/toys", tags=["toy"])
pages = APIRouter()


Context = Annotated[ToyContext, state_of("toy")]
Acting = Annotated[Session[ToyContext], session_on("toy")]

lists.routes(api, (TOYS,), context=Context, permission="toys:read")
actions.route(
    api,
    WIND,
    "/{name}/wind",
    name="wind_toy",
    doc="Give a toy its turns.",
    session=Acting,
    target=Annotated[str, Path(alias="name")],
    answer=ToyAnswer,
)


@pages.get("/console/toys", dependencies=[requires("toys:read")])
def toys_page(request: Request, context: Context) -> Response:
    return render(request, "toy/toys.html", shown=lists.page(context, TOYS, request.query_params, limit=50))


@pages.post("/console/toys/{name}/wind", dependencies=[requires("toys:wind")])
@writes(WIND.name)
def wind_toy(request: Request, acting: Acting, name: str) -> Response:
    here = "/console/toys"
    return actions.submit(request, WIND, acting, name, {}, here=here, says=lambda toy: f"{toy['name']} is wound.")


def _state(app: AppContext) -> ToyContext:
    return app.opened.enter_context(open_context(app.settings))


WEB: Final = WebRoom(
    part=Part(
        routers=(api,),
        pages=(pages,),
        navigation=(NavItem(key="toys", label="Toys", path="/console/toys", permission="toys:read", order=90),),
        package="toy.web",
    ),
    card=DashboardCard(
        title="Toys",
        permission="toys:read",
        load=lambda request: {"toys": len(service.toys(request.app.state.toy))},
        template="toy/card.html",
    ),
    open_state=_state,
)
