"""`batch-platform toys …`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated

import typer
from toy.opening import open_context
from toy.service import Row, ToyContext
from toy.web.actions import WIND
from toy.web.lists import TOYS

from batch_platform.kit import actions, lists, session
from batch_platform.kit.session import Session
from batch_platform.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Toys: see and wind them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The toy.")]


def acting(account: str | None) -> AbstractContextManager[Session[ToyContext]]:
    """In the local environment the system's user may wind toys where no account is named."""
    return session.of_command(
        load_settings(), open_context, account=account, permission=WIND.permission, unnamed=True
    )


def _toy(row: Row, as_json: bool) -> None:
    lists.show(TOYS, [row], as_json=as_json)


lists.command(app, TOYS, "list", doc="List the toys.", opened=open_context)
actions.command(app, WIND, "wind", doc="Give a toy its turns.", opened=acting, target=Name, looked=_toy, done=_toy)
