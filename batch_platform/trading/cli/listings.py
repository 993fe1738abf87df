"""What is traded, and at which prices and rates: each a group that lists where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import Json
from batch_platform.trading import answer
from batch_platform.trading.cli.options import Campaign
from batch_platform.trading.opening import open_context

if TYPE_CHECKING:
    from batch_platform.trading.answer import Row


def _group(says: str) -> typer.Typer:
    return typer.Typer(invoke_without_command=True, help=says)


tokens_app = _group("What is traded: the tokens of a campaign.")
prices_app = _group("The newest accepted prices.")
rates_app = _group("Interest rates of staking, and funding rates of perpetuals.")
pools_app = _group("Pools of liquid staking.")
campaigns_app = _group("The competitions.")


@tokens_app.callback()
def tokens_command(command: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the tokens of a campaign with their newest prices."""
    from batch_platform.trading.service import listings

    if command.invoked_subcommand is not None:
        return
    with open_context() as context:
        rows = listings.tokens(context, campaign or context.campaign)
    _show(rows, _TOKEN, as_json=as_json, empty="no tokens")


@prices_app.callback()
def prices_command(command: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the newest accepted prices with their ages in seconds."""
    from batch_platform.trading.service import listings

    if command.invoked_subcommand is not None:
        return
    with open_context() as context:
        rows = listings.prices(context, campaign or context.campaign)
    _show(rows, _PRICE, as_json=as_json, empty="no prices")


@rates_app.callback()
def rates_command(command: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List interest rates (percent a year, from a day on) and funding rates (of 8 hours, from a moment on)."""
    from batch_platform.trading.service import listings

    if command.invoked_subcommand is not None:
        return
    with open_context() as context:
        interest, funding = listings.rates(context, campaign or context.campaign)
    if as_json:
        print_json(answer.json_of({"interest": interest, "funding": funding}))
        return
    _show(interest, ("token", "action", "rate", "since"), empty="no interest rates")
    _show(funding, ("token", "rate", "since", "source"), empty="no funding rates")


@pools_app.callback()
def pools_command(command: typer.Context, campaign: Campaign = None, as_json: Json = False) -> None:
    """List the pools of liquid staking with what one token is worth in its base."""
    from batch_platform.trading.service import listings

    if command.invoked_subcommand is not None:
        return
    with open_context() as context:
        rows = listings.pools(context, campaign or context.campaign)
    _show(rows, ("base", "lst", "exchange_rate", "first_rate", "interest_rate"), as_json=as_json, empty="no pools")


@campaigns_app.callback()
def campaigns_command(command: typer.Context, as_json: Json = False) -> None:
    """List the campaigns, live ones and loaded contests."""
    from batch_platform.trading.service import listings

    if command.invoked_subcommand is not None:
        return
    with open_context() as context:
        rows = listings.campaigns(context)
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
