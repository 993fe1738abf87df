"""Routes and the page of toy."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from toy import service
from toy.opening import open_context
from toy.service import ToyContext
from toy.web.actions import WIND
from toy.web.lists import TOYS, ToyAnswer

from batch_platform.core.audit import writes
from batch_platform.kit import actions, lists, session
from batch_platform.kit.domain import AppContext, WebRoom
from batch_platform.kit.session import Session
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.access.dependencies import requires
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem, render

api = APIRouter(prefix="/api/toys", tags=["toy"])
pages = APIRouter()


async def _context(request: Request) -> ToyContext:
    context: ToyContext = request.app.state.toy
    return context


async def _session(request: Request) -> Session[ToyContext]:
    return session.of_request(request, await _context(request))


Context = Annotated[ToyContext, Depends(_context)]
Acting = Annotated[Session[ToyContext], Depends(_session)]

lists.route(api, TOYS, "", name="list_toys", doc="Every toy.", context=Context, permission="toys:read")
actions.route(
    api,
    WIND,
    "/{name}/wind",
    name="wind_toy",
    doc="Give a toy its turns.",
    session=Acting,
    target=Annotated[str, Path(alias="name")],
    answer=ToyAnswer,
    of=ToyAnswer.of,
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
