"""A player's token without a signature, on a machine of one's own."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.core.terminal import print_json, say
from batch_platform.kit.options import Json
from batch_platform.settings import load_settings
from batch_platform.trading.opening import open_context


@writes("session.start")
def sign_in_command(
    wallet: Annotated[str, typer.Argument(metavar="WALLET", help="The player's wallet address.")],
    as_json: Json = False,
) -> None:
    """Print a player's bearer token without a signature. In the local environment only."""
    from batch_platform.trading.service import players

    settings = load_settings()
    if settings.env != "local":
        raise InvalidInput(
            "sign-in-elsewhere", "players sign in by their wallets; this command works in the local environment only"
        )
    with open_context(settings) as context:
        log = Log(context.pool, context.clock, f"cli:{system_user()}")
        token = players.issue(context, wallet, log, secrets.token_bytes)
    if as_json:
        print_json({"token": token.text, "wallet_address": token.wallet, "expires_at": token.expires_at})
    else:
        say(token.text)
