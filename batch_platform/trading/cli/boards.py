"""Who leads, and what players have, had and gained."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_platform.core.terminal import chosen, print_json
from batch_platform.kit.options import Json
from batch_platform.trading import answer, printing
from batch_platform.trading.cli.options import At, Campaign, Wallet
from batch_platform.trading.opening import open_context
from batch_platform.trading.series import Period


def leaderboard_command(campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show who leads at a snapshot, and who has no rank and why."""
    from batch_platform.trading.service import boards

    with open_context() as context:
        board = boards.leaderboard(context, campaign or context.campaign, at=at)
    if as_json:
        print_json(printing.board_json(board))
    else:
        printing.board(board)


def snapshots_command(campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show what portfolios were worth at a snapshot, or at all that thinning has left."""
    from batch_platform.trading.service import boards

    with open_context() as context:
        rows = boards.snapshots(context, campaign or context.campaign, at=at)
    if as_json:
        print_json([answer.snapshot(row) for row in rows])
    else:
        printing.snapshots(rows)


def portfolio_command(wallet: Wallet, campaign: Campaign = None, at: At = None, as_json: Json = False) -> None:
    """Show what a player has and what it is worth, now or at any past instant."""
    from batch_platform.trading.service.portfolio import portfolio

    with open_context() as context:
        seen = portfolio(context, campaign or context.campaign, wallet, at=at)
    if as_json:
        print_json(printing.portfolio_json(seen))
    else:
        printing.portfolio(seen)


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
    with open_context() as context:
        shown = pnl(context, campaign or context.campaign, wallet, of, at=at)
    if as_json:
        print_json(printing.pnl_json(shown))
    else:
        printing.pnl(shown)
