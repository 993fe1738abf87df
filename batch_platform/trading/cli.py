"""`batch-platform trading …`: the competition, and its rules as a calculator."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.audit import Log, writes
from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import print_json, say
from batch_platform.settings import load_settings
from batch_platform.trading.proving.command import prove

if TYPE_CHECKING:
    from batch_platform.trading.json_lines import JsonObject

app = typer.Typer(no_args_is_help=True, help="The paper-trading competition: exact, replayable.")
calc_app = typer.Typer(
    no_args_is_help=True, help="The rules alone: JSON Lines in, an answer a line out, nothing stored."
)
app.add_typer(calc_app, name="calc")
app.command("prove")(prove)

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - is standard input.")]
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


@app.command("sign-in")
@writes("session.start")
def sign_in(
    wallet: Annotated[str, typer.Argument(metavar="WALLET", help="The player's wallet address.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a player's bearer token without a signature. In the local environment only."""
    from batch_platform.trading.opening import open_work
    from batch_platform.trading.service import players

    settings = load_settings()
    if settings.env != "local":
        raise InvalidInput(
            "sign-in-elsewhere", "players sign in by their wallets; this command works in the local environment only"
        )
    with open_work(settings) as work:
        log = Log(work.pool, work.clock, f"cli:{system_user()}")
        token = players.issue(work, wallet, log, secrets.token_bytes)
    if as_json:
        print_json({"token": token.text, "wallet_address": token.wallet, "expires_at": token.expires_at})
    else:
        say(token.text)


def _answer(
    file: str,
    calculate: Callable[[int, JsonObject], dict[str, Any]],
    *,
    as_json: bool,
    read: Callable[[str], Any] | None = None,
) -> None:
    """Every answer, once all lines are known to be good."""
    from batch_platform.trading.json_lines import objects, read_strictly

    lines = _content(file).split(b"\n")
    answers = [calculate(number, value) for number, value in objects(lines, read=read or read_strictly)]
    for answer in answers:
        if as_json:
            say(json.dumps(answer, ensure_ascii=False))
        else:
            print_json(answer)


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput(
            "file-unreadable", "the file cannot be read: {reason}", reason=str(error.strerror), field="file"
        ) from None
