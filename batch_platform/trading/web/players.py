"""Players on the web: guests without a role, whose wallet opens what is theirs; a route says that it admits them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from starlette.requests import HTTPConnection

from batch_platform.trading.service import players
from batch_platform.trading.service.players import KIND
from batch_platform.web.access.dependencies import Requirement, authorize, current
from batch_platform.web.access.guests import Guests
from batch_platform.web.access.model import Principal
from batch_platform.web.api.refusals import forbidden
from batch_platform.web.context import WebContext
from batch_platform.web.i18n import N_

HOME: Final = "/console/trading"
SIGN_IN: Final = f"{HOME}/sign-in"
CONTEST: Final = "contest:read"
"""What everybody who is signed in may see, players and accounts alike: tokens, prices, the leaderboard."""


@dataclass(frozen=True)
class PlayerOr(Requirement):
    """`requires(PlayerOr("trading:administer"))`: any player, or who has the permission; not yet what is whose."""

    also: str = field(default="any player", kw_only=True)

    def admit(self, connection: HTTPConnection, permission: str) -> None:
        if wallet_of(connection) is None:
            authorize(connection, permission)


@dataclass(frozen=True)
class OwnerOr(Requirement):
    """`requires(OwnerOr("trading:read"))`: the player whose wallet the path has at `place`, or by the permission.

    Everybody else gets 403, whether that wallet plays or not.
    """

    also: str = field(default="the player whose wallet it is", kw_only=True)
    place: str = field(default="wallet_address", kw_only=True)

    def admit(self, connection: HTTPConnection, permission: str) -> None:
        check_owner(connection, connection.path_params[self.place], permission)


def check_owner(connection: HTTPConnection, wallet: str, permission: str) -> None:
    """For a wallet that the body names: raises 403 unless it is the player's own, or who asks has the permission."""
    own = wallet_of(connection)
    if own is None:
        authorize(connection, permission)
    elif own != wallet:
        raise forbidden(permission)


def wallet_of(connection: HTTPConnection) -> str | None:
    """The wallet of the player who asks; None for an account. Raises 401 for nobody."""
    principal = current(connection)
    return principal.subject.removeprefix(f"{KIND}:") if principal.kind == KIND else None


def player(wallet: str) -> Principal:
    """The player of a wallet, in a browser."""
    return Principal(f"{KIND}:{wallet}", wallet, frozenset(), "session")


def _holder(web: WebContext, token: str) -> str | None:
    return players.holder(web.pool, web.clock, token)


GUESTS: Final = {
    KIND: Guests(frozenset({CONTEST}), find=_holder, sign_in=SIGN_IN, label=N_("Sign in as a player by your wallet"))
}
