"""The competition's administration: what stands beside the lists, and players."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from batch_platform.core.terminal import print_fields, print_json
from batch_platform.kit import actions
from batch_platform.trading.cli.listings import campaigns_app, pools_app, prices_app, rates_app, tokens_app
from batch_platform.trading.cli.options import acting
from batch_platform.trading.service.engine import Row
from batch_platform.trading.web import administration as deeds

players_app = typer.Typer(no_args_is_help=True, help="Players: corrected, disqualified, reinstated.")

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]
Symbol = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's symbol.")]
Wallet = Annotated[str, typer.Argument(metavar="WALLET", help="The player's wallet address.")]


def _show(row: Row, as_json: bool) -> None:
    changed = deeds.shown(row)
    if as_json:
        print_json(changed)
    else:
        print_fields({name: _cell(value) for name, value in changed.items()})


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "–" if value is None else str(value)


_acting = partial(acting, permission=deeds.PERMISSION, unnamed=True)
"""In the local environment the system's user may act where no account is named."""

_command = partial(actions.command, opened=_acting, looked=_show, done=_show)

_command(campaigns_app, deeds.ADD_CAMPAIGN, "add", doc="Add a live campaign.", target=Campaign)
_command(
    campaigns_app, deeds.CHANGE_CAMPAIGN, "change", doc="Change a campaign's time, fees or limit.", target=Campaign
)
_command(campaigns_app, deeds.END_CAMPAIGN, "end", doc="End a campaign now.", target=Campaign)
_command(campaigns_app, deeds.SET_GRANTS, "grant", doc="Set what every player starts with.", target=Campaign)
_command(tokens_app, deeds.ADD_TOKEN, "add", doc="Add a token to a campaign.", target=Symbol)
_command(tokens_app, deeds.CHANGE_TOKEN, "change", doc="Change what people see of a token.", target=Symbol)
_command(pools_app, deeds.ADD_POOL, "add", doc="Add a pool of liquid staking for a token.", target=Symbol)
_command(rates_app, deeds.ADD_INTEREST_RATE, "add", doc="Add a yearly rate of a token.", target=Symbol)
_command(rates_app, deeds.ADD_FUNDING_RATE, "add-funding", doc="Add a funding rate by hand.", target=Symbol)
_command(prices_app, deeds.ACCEPT_PRICE, "accept", doc="Take a token's price that has truly jumped.", target=Symbol)
_command(players_app, deeds.MOVE, "move", doc="Deposit to a player, or correct what he has.", target=Wallet)
_command(players_app, deeds.DISQUALIFY, "disqualify", doc="Take a player off the leaderboard.", target=Wallet)
_command(players_app, deeds.REINSTATE, "reinstate", doc="Put a player back on the leaderboard.", target=Wallet)
