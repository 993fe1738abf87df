"""What several commands of BTC balances take, and how they speak and act."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Annotated

import typer

from batch_platform.btc.actions import PERMISSION
from batch_platform.btc.model import Rounding
from batch_platform.btc.money import parse_btc
from batch_platform.btc.opening import open_context
from batch_platform.btc.service import BtcContext, Overrides
from batch_platform.core.terminal import chosen
from batch_platform.kit import session
from batch_platform.settings import Settings

BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch; see `btc list`.")]
Rate = Annotated[str, typer.Option(help="Percent of each balance: 5, -3, 0.125; at most 8 decimals.")]
RoundingName = Annotated[
    str | None, typer.Option("--rounding", help="half_even, half_up or toward_zero; default: the setting.")
]
TargetTotal = Annotated[
    str | None, typer.Option(metavar="BTC", help="What all amounts shall add up to, to the satoshi.")
]
Confirm = Annotated[str | None, typer.Option(metavar="RATE", help="The rate again, where it is beyond the setting.")]
Output = Annotated[str, typer.Option("--format", help="table, json or csv.")]
Key = Annotated[str | None, typer.Option(metavar="TEXT", help="The same key and request make one batch only.")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve it as sealed, and apply it.")]


def opened(settings: Settings | None = None) -> AbstractContextManager[BtcContext]:
    return nullcontext(open_context(settings))


acting = partial(session.of_command, opened, permission=PERMISSION, unnamed=True)
"""In the local environment the system's user may act where no account is named."""


def overrides_of(rounding: str | None, target_total: str | None, shards: int | None = None) -> Overrides:
    rule = None if rounding is None else chosen("rounding", rounding, Rounding)
    total = None if target_total is None else parse_btc(target_total, field="target_total")
    return Overrides(rule, total, shards)


def say(lines: str | Iterable[str], *, end: str = "\n") -> None:
    for line in [lines] if isinstance(lines, str) else lines:
        typer.echo(line, nl=end == "\n")
