"""Options that commands of every domain take, and how their texts are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

from batch_platform.core.clock import parse_day
from batch_platform.core.numbers import parse_whole

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="ACCOUNT", help="Act as this account; in the local environment only.")
]
File = Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - is standard input.")]


def parser(parse: Callable[[str], T], why: str | None = None) -> Callable[[str], T]:
    """The `parser` of an option. Of what `parse` refuses people are told `why`, or else its own words."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} {why or error.args[0]}.") from None

    return read


day = parser(parse_day, "is not a date YYYY-MM-DD")


def whole(low: int | None = None, high: int | None = None) -> Callable[[str], int]:
    """The `parser` of an option that is a whole number in plain digits, from `low` to `high`."""

    def number(text: str) -> int:
        try:
            value = parse_whole(str(text))  # a default comes as it is
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a whole number in plain digits.") from None
        if low is not None and value < low:
            raise typer.BadParameter(f"{value} is less than {low}.")
        if high is not None and value > high:
            raise typer.BadParameter(f"{value} is more than {high}.")
        return value

    return number
