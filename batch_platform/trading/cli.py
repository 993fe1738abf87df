"""`batch-platform trading …`: contests in and out, their history thinned, and the rules as a calculator.

What only looks is in `read_cli`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_platform.core.audit import Log, writes
from batch_platform.core.caller import system_user
from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.core.json_lines import read_lines
from batch_platform.core.terminal import print_json, print_rows, say, showing
from batch_platform.kit import session
from batch_platform.settings import load_settings
from batch_platform.trading import answer, printing
from batch_platform.trading.admin_cli import players_app
from batch_platform.trading.opening import open_work
from batch_platform.trading.proving.command import prove
from batch_platform.trading.read_cli import Campaign, app, instant
from batch_platform.trading.service.contests import LOAD
from batch_platform.trading.service.retention import PRUNE

if TYPE_CHECKING:
    from batch_platform.core.json_lines import JsonObject
    from batch_platform.kit.session import Session
    from batch_platform.trading.service import TradingContext

__all__ = ["app"]

calc_app = typer.Typer(
    no_args_is_help=True, help="The rules alone: JSON Lines in, an answer a line out, nothing stored."
)
app.add_typer(calc_app, name="calc")
app.add_typer(players_app, name="players")
app.command("prove")(prove)

File = Annotated[str, typer.Argument(metavar="FILE", help="JSON Lines; - is standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an answer a line.")]
WholeJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]


def _day(text: str) -> date:
    """The `parser` of an option that is a day."""
    try:
        return parse_day(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date YYYY-MM-DD.") from None


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


@app.command("load")
@writes(LOAD)
def load_command(file: File, campaign: Campaign = None, dry_run: DryRun = False, as_json: WholeJson = False) -> None:
    """Load a contest into an empty campaign, which is made if it is missing; the same file again changes nothing."""
    from batch_platform.trading.service import contests

    lines = read_lines(file)
    with _acting() as mine, showing("playing"):
        name = campaign or mine.context.campaign
        if dry_run:
            done = contests.load(mine.context, lines, name=name, dry_run=True)
        else:
            with mine.log.intent(LOAD, name) as intent:
                done = contests.load(mine.context, lines, name=name)
                intent.after = vars(done)
    if as_json:
        print_json({**vars(done), "dry_run": dry_run})
        return
    counts = f"{done.users:,} players, {done.orders:,} orders, {done.ticks:,} ticks, {done.snapshots:,} snapshots"
    told = "would be loaded" if dry_run else "loaded" if done.loaded else "is there already"
    say(f"campaign {done.campaign} {told}: {counts}")


@app.command("replay")
def replay_command(
    file: File,
    until: Annotated[
        datetime | None,
        typer.Option("--until", parser=instant, metavar="YYYY-MM-DDTHH:MM:SSZ", help="Leave out what happens later."),
    ] = None,
    as_json: WholeJson = False,
) -> None:
    """Play a contest beside everything, touching nothing, and print what it comes to."""
    from batch_platform.trading.service import contests

    lines = read_lines(file)
    with open_work() as work, showing("playing"):
        told = contests.replay(work, lines, until=until)
    if as_json:
        say(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        printing.contest(told)


@app.command("export")
def export_command(campaign: Campaign = None) -> None:
    """Print a campaign as the lines of a contest, which `replay` and `load` take."""
    from batch_platform.trading.service.export import export

    with open_work() as work, showing("reading"):
        lines = export(work, campaign or work.campaign)
    for line in lines:
        say(line.decode())


@app.command("verify")
def verify_command(campaign: Campaign = None, as_json: WholeJson = False) -> None:
    """Make everything of a campaign again from its facts. Prints equal, or the differences and exits 1."""
    from batch_platform.trading.service.verify import verify

    with open_work() as work, showing("verifying"):
        verified = verify(work, campaign or work.campaign)
    if as_json:
        print_json(printing.verification_json(verified))
    else:
        for line in printing.verification(verified):
            say(line)
    if not verified.is_equal:
        raise typer.Exit(1)


@app.command("prune")
@writes(PRUNE)
def prune_command(
    day: Annotated[date, typer.Option("--date", parser=_day, metavar="YYYY-MM-DD", help="As of this day, a Sunday.")],
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="NAME", help="This competition alone; default: all of them.")
    ] = None,
    dry_run: DryRun = False,
    as_json: WholeJson = False,
) -> None:
    """Thin the snapshots as of a day: 30 days stay whole, to 90 days one in three hours, older ones one a day.

    What sources of prices answered goes after 30 days.
    """
    from batch_platform.trading.service.retention import prune

    with _acting() as mine, showing("thinning"):
        if dry_run:
            done = prune(mine.context, day, campaign=campaign, dry_run=True)
        else:
            with mine.log.intent(PRUNE, campaign or "all") as intent:
                done = prune(mine.context, day, campaign=campaign)
                intent.after = {"date": day.isoformat(), "removed": done.removed}
    if as_json:
        found = {"date": day, "removed": done.removed, "dry_run": dry_run}
        print_json({**found, "campaigns": answer.json_of(done.campaigns), "partitions": done.partitions})
        return
    would = "would go" if dry_run else "gone"
    rows = [
        {"campaign": each.campaign, "as of": str(each.date), would: each.removed, "looks at prices": each.looks}
        for each in done.campaigns
    ]
    print_rows(rows, empty="no campaigns")


@app.command("sign-in")
@writes("session.start")
def sign_in(
    wallet: Annotated[str, typer.Argument(metavar="WALLET", help="The player's wallet address.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a player's bearer token without a signature. In the local environment only."""
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
    from batch_platform.core.json_lines import objects, read_strictly

    lines = read_lines(file)
    answers = [calculate(number, value) for number, value in objects(lines, read=read or read_strictly)]
    for found in answers:
        if as_json:
            say(json.dumps(found, ensure_ascii=False))
        else:
            print_json(found)


def _acting() -> AbstractContextManager[Session[TradingContext]]:
    """Whoever types the command."""
    return session.of_command(load_settings(), open_work)
