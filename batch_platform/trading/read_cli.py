"""`batch-platform trading …`: what is looked at: boards, portfolios, charts, and what is traded at which prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.terminal import chosen, print_json, print_rows
from batch_platform.trading import answer, printing
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.opening import open_work
from batch_platform.trading.series import Period

if TYPE_CHECKING:
    from batch_platform.trading.answer import Row

app = typer.Typer(no_args_is_help=True, help="The paper-trading competition: exact, replayable.")


def _group(name: str, says: str) -> typer.Typer:
    """A group that lists where nothing else is said."""
    group = typer.Typer(invoke_without_command=True, help=says)
    app.add_typer(group, name=name)
    return group


tokens_app = _group("tokens", "What is traded: the tokens of a campaign.")
prices_app = _group("prices", "The newest accepted prices.")
rates_app = _group("rates", "Interest rates of staking, and funding rates of perpetuals.")
pools_app = _group("pools", "Pools of liquid staking.")
campaigns_app = _group("campaigns", "The competitions.")


def instant(text: str) -> datetime:
    """The `parser` of an option that is a moment."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error.args[0]}.") from None


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


@app.command("leaderboard")
def leaderboard_command(campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show who leads at a snapshot, and who has no rank and why."""
    from batch_platform.trading.service import boards

    with open_work() as work:
        board = boards.leaderboard(work, campaign or work.campaign, at=at)
    if as_json:
        print_json(printing.board_json(board))
    else:
        printing.board(board)


@app.command("snapshots")
def snapshots_command(campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show what portfolios were worth at a snapshot, or at all that thinning has left."""
    from batch_platform.trading.service import boards

    with open_work() as work:
        rows = boards.snapshots(work, campaign or work.campaign, at=at)
    if as_json:
        print_json([answer.snapshot(row) for row in rows])
    else:
        printing.snapshots(rows)


@app.command("portfolio")
def portfolio_command(wallet: Wallet, campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show what a player has and what it is worth, now or at any past instant."""
    from batch_platform.trading.service.portfolio import portfolio

    with open_work() as work:
        seen = portfolio(work, campaign or work.campaign, wallet, at=at)
    if as_json:
        print_json(printing.portfolio_json(seen))
    else:
        printing.portfolio(seen)


@app.command("pnl")
def pnl_command(
    wallet: Wallet,
    period: Annotated[str, typer.Option(help=f"{', '.join(Period)}.")] = Period.DAY,
    campaign: Campaign = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show a player's profit over a period, as its chart does."""
    from batch_platform.trading.service.pnl import pnl

    of = chosen("period", period, Period)
    with open_work() as work:
        shown = pnl(work, campaign or work.campaign, wallet, of, at=at)
    if as_json:
        print_json(printing.pnl_json(shown))
    else:
        printing.pnl(shown)


@tokens_app.callback()
def tokens_command(context: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the tokens of a campaign with their newest prices."""
    from batch_platform.trading.service import listings

    if context.invoked_subcommand is not None:
        return
    with open_work() as work:
        rows = listings.tokens(work, campaign or work.campaign)
    _show(rows, _TOKEN, as_json=as_json, empty="no tokens")


@prices_app.callback()
def prices_command(context: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the newest accepted prices with their ages in seconds."""
    from batch_platform.trading.service import listings

    if context.invoked_subcommand is not None:
        return
    with open_work() as work:
        rows = listings.prices(work, campaign or work.campaign)
    _show(rows, _PRICE, as_json=as_json, empty="no prices")


@rates_app.callback()
def rates_command(context: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List interest rates (percent a year, from a day on) and funding rates (of 8 hours, from a moment on)."""
    from batch_platform.trading.service import listings

    if context.invoked_subcommand is not None:
        return
    with open_work() as work:
        interest, funding = listings.rates(work, campaign or work.campaign)
    if as_json:
        print_json(answer.json_of({"interest": interest, "funding": funding}))
        return
    _show(interest, ("token", "action", "rate", "since"), empty="no interest rates")
    _show(funding, ("token", "rate", "since", "source"), empty="no funding rates")


@pools_app.callback()
def pools_command(context: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the pools of liquid staking with what one token is worth in its base."""
    from batch_platform.trading.service import listings

    if context.invoked_subcommand is not None:
        return
    with open_work() as work:
        rows = listings.pools(work, campaign or work.campaign)
    _show(rows, ("base", "lst", "exchange_rate", "first_rate", "interest_rate"), as_json=as_json, empty="no pools")


@campaigns_app.callback()
def campaigns_command(context: typer.Context, as_json: Json = False) -> None:
    """List the campaigns, live ones and loaded contests."""
    from batch_platform.trading.service import listings

    if context.invoked_subcommand is not None:
        return
    with open_work() as work:
        rows = listings.campaigns(work)
    _show(rows, _CAMPAIGN, as_json=as_json, empty="no campaigns")


_TOKEN: Final = ("symbol", "name", "decimals", "type", "perp_max_leverage", "price_usd", "price_age", "address")
_PRICE: Final = ("symbol", "price_usd", "last_updated", "price_age", "source")
_CAMPAIGN: Final = ("name", "kind", "players", "starts_at", "ends_at", "tick_at", "snapshot_at", "thinned_to")


def _show(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool = False, empty: str) -> None:
    """All of the rows as JSON, these columns for people."""
    if as_json:
        print_json([answer.json_of(row) for row in rows])
        return
    print_rows([{name: _cell(row, name) for name in columns} for row in rows], empty=empty)


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = row[name]
    return answer.text(value) if isinstance(value, datetime) else value
