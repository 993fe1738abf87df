"""The rules alone, on JSON Lines: an answer a line, nothing stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.json_lines import read_lines
from batch_platform.core.terminal import print_json, say
from batch_platform.kit.options import File

if TYPE_CHECKING:
    from batch_platform.core.json_lines import JsonObject

calc_app = typer.Typer(
    no_args_is_help=True, help="The rules alone: JSON Lines in, an answer a line out, nothing stored."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, an answer a line.")]


@calc_app.command("swap")
def calc_swap_command(file: File, as_json: Json = False) -> None:
    """What swaps give: {token_from: {decimals, price}, token_to: {…}, amount, fee_bps}."""
    from batch_platform.trading import calc

    _answer(file, calc.swap, as_json=as_json)


@calc_app.command("series")
def calc_series_command(file: File, as_json: Json = False) -> None:
    """What charts show: {rows: [{at, total_value_usd, net_flows_usd}], period, at}; period 1d, 7d, 30d, 90d, 1y."""
    from batch_platform.trading import calc

    _answer(file, calc.pnl_series, as_json=as_json)


@calc_app.command("prune")
def calc_prune_command(file: File, as_json: Json = False) -> None:
    """Which snapshots the thinning of a day keeps: {date, rows: [[user, ts]]}."""
    from batch_platform.trading import calc

    _answer(file, calc.prune, as_json=as_json)


@calc_app.command("prices")
def calc_prices_command(file: File, as_json: Json = False) -> None:
    """Which prices of an answer are taken: {source, tokens, status, body, last_accepted, second_source}."""
    from batch_platform.trading import calc
    from batch_platform.trading.quotes import read_json

    _answer(file, calc.prices, as_json=as_json, read=read_json)


def _answer(
    file: str,
    calculate: Callable[[int, JsonObject], dict[str, Any]],
    *,
    as_json: bool,
    read: Callable[[str], Any] | None = None,
) -> None:
    """Every answer, once all lines are known to be good."""
    from batch_platform.core.json_lines import objects, read_strictly

    lines = read_lines(file)
    answers = [calculate(number, value) for number, value in objects(lines, read=read or read_strictly)]
    for answer in answers:
        if as_json:
            say(json.dumps(answer, ensure_ascii=False))
        else:
            print_json(answer)
