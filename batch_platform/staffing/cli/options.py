"""Options and arguments that several commands of staffing take."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

from batch_platform.core.clock import parse_day
from batch_platform.staffing.instants import parse_instant

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - is standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


def day(text: str) -> date:
    """The `parser` of an option that is a day."""
    try:
        return parse_day(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date YYYY-MM-DD.") from None


def instant(text: str) -> datetime:
    """The `parser` of an option that is a moment."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error.args[0]}.") from None


Day = Annotated[date, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="A business day in Tokyo.")]
