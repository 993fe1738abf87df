"""What happens in the live contest: prices, and who asks for what before each of their ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PLAYERS: Final = ("aoi", "ren", "mei", "jun")
FOLLOWED: Final = "ren"

PRICES: Final = {
    "USDC": ("1", "1", "1", "1", "1"),
    "SOL": ("150", "151.2", "153.4", "139.1", "141.75"),
    "WBTC": ("95000", "94620.5", "94210", "88870.25", "89400"),
    "JUP": ("0.45", "0.4525", "0.461", "0.4085", "0.417"),
    "BONK": ("0.0000182", "0.00001834", "0.0000189", "0.00001571", "0.00001603"),
}
"""USD at each tick; at the fourth the market falls."""


@dataclass(frozen=True)
class Placement:
    """An order of a player, known by its key. `ends` is the key of the order whose position or stake it ends."""

    player: str
    key: str
    request: Mapping[str, Any]
    ends: str | None = None


def _swap(player: str, key: str, source: str, target: str, amount: str) -> Placement:
    return Placement(player, key, {"order": "swap", "from": source, "to": target, "amount": amount})


def _stake(player: str, key: str, order: str, amount: str) -> Placement:
    return Placement(player, key, {"order": order, "token": "SOL", "amount": amount})


def _open(player: str, key: str, token: str, collateral: str, *, leverage: int, direction: str) -> Placement:
    terms = {"token": token, "collateral": collateral, "leverage": leverage, "direction": direction}
    return Placement(player, key, {"order": "perp_open", **terms})


ORDERS: Final[tuple[tuple[Placement, ...], ...]] = (
    (),
    (
        _swap("aoi", "to-jup", "USDC", "JUP", "300"),
        _open("ren", "long-sol", "SOL", "120", leverage=20, direction="long"),
        _open("jun", "short-btc", "WBTC", "200", leverage=10, direction="short"),
        _stake("mei", "stake", "stake", "4"),
        _stake("mei", "pool", "liquid_stake", "3"),
    ),
    (
        _swap("aoi", "to-bonk", "SOL", "BONK", "2"),
        _swap("ren", "too-much", "USDC", "SOL", "5000"),
        _swap("mei", "to-btc", "USDC", "WBTC", "400"),
    ),
    (
        Placement("ren", "too-late", {"order": "perp_close"}, ends="long-sol"),
        Placement("jun", "cover", {"order": "perp_close"}, ends="short-btc"),
    ),
    (
        _swap("aoi", "back", "JUP", "USDC", "250"),
        Placement("mei", "unpool", {"order": "unstake"}, ends="pool"),
        _open("ren", "again", "SOL", "60", leverage=5, direction="long"),
    ),
)
"""Before each tick; before the first one everybody is new."""
