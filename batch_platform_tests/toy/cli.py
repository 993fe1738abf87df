"""`batch-platform toys …`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from toy.opening import open_context
from toy.service import Row
from toy.web.actions import WIND
from toy.web.lists import TOYS

from batch_platform.kit import actions, lists, session

app = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The toy.")]


acting = partial(session.of_command, open_context, permission=WIND.permission, unnamed=True)
"""In the local environment the system's user may wind toys where no account is named."""


def _toy(row: Row, as_json: bool) -> None:
    lists.show(TOYS, [row], as_json=as_json)


lists.command(app, TOYS, "list", doc="List the toys.", opened=open_context)
actions.command(app, WIND, "wind", doc="Give a toy its turns.", opened=acting, target=Name, looked=_toy, done=_toy)
