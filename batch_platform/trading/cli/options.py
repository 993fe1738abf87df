"""What several commands of the competition take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.kit import session
from batch_platform.kit.options import parser
from batch_platform.settings import load_settings
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.opening import open_work

if TYPE_CHECKING:
    from batch_platform.kit.session import Session
    from batch_platform.trading.service import TradingContext


instant = parser(parse_instant)
Campaign = Annotated[
    str | None, typer.Option("--campaign", metavar="NAME", help="The competition; default: the live one.")
]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at", parser=instant, metavar="YYYY-MM-DDTHH:MM:SSZ", help="At this instant; default: the newest."
    ),
]
Wallet = Annotated[str, typer.Argument(metavar="WALLET", help="The wallet address; of a loaded player the id.")]


def acting() -> AbstractContextManager[Session[TradingContext]]:
    """Whoever types the command."""
    return session.of_command(load_settings(), open_work)
