"""What several commands of the competition take."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.clock import parse_day
from batch_platform.kit import session
from batch_platform.settings import load_settings
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.opening import open_work

if TYPE_CHECKING:
    from batch_platform.kit.session import Session
    from batch_platform.trading.service import TradingContext


def instant(text: str) -> datetime:
    """The `parser` of an option that is a moment."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error.args[0]}.") from None


def day(text: str) -> date:
    """The `parser` of an option that is a day."""
    try:
        return parse_day(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date YYYY-MM-DD.") from None


File = Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - is standard input.")]
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


def acting() -> AbstractContextManager[Session[TradingContext]]:
    """Whoever types the command."""
    return session.of_command(load_settings(), open_work)
