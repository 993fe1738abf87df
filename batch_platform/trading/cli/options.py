"""What several commands of the competition take."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.kit import session
from batch_platform.kit.options import parser
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.opening import open_context

if TYPE_CHECKING:
    pass


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

acting = partial(session.of_command, open_context)
"""Whoever types the command."""
