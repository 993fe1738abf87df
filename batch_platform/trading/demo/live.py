"""A contest that is played live: players sign in by their wallets and trade by the server's prices, until it ends.

Whoever is killed goes on: a player is registered once, an order is known by its key, a tick by how many there are.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.trading import contest, wallets
from batch_platform.trading.demo.bundled import came_to, show_equal, verify
from batch_platform.trading.demo.scenario import FOLLOWED, ORDERS, PLAYERS, PRICES, Placement
from batch_platform.trading.demo.steering import PriceServer
from batch_platform.trading.demo.story import board, story
from batch_platform.trading.demo.tokens import open_campaign, prices_by_address

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from rich.console import Console

    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.settings import Settings
    from batch_platform.trading.model import Campaign
    from batch_platform.trading.service import TradingContext
    from batch_platform.trading.sources.fetch import Sources

Step = Callable[[str], None]

CAMPAIGN: Final = "demo-live"


def run(
    context: TradingContext, settings: Settings, step: Step, console: Console, launcher: Launcher | None = None
) -> None:
    """Play it to its end, and show that it is what its replay comes to. Run again it is shown.

    With a `launcher` funding rates are fetched by a Dagster run, as their schedule does.
    """
    from batch_platform.trading.opening import open_sources
    from batch_platform.trading.settings import TradingSettings

    trading = settings.of(TradingSettings)
    step(f"trading: campaign {CAMPAIGN}, live, {len(PLAYERS)} players")
    if _has_ended(context):
        step("  it has been played before")
    else:
        server = PriceServer(trading.jupiter_url)
        if not server.play(prices_by_address(PRICES)):
            step(f"  left out: {server.url} is no price server that the demo can steer")
            return
        with context.store.transaction() as session:
            open_campaign(session, CAMPAIGN, now=context.clock(), new_id=context.new_id)
        with open_sources(trading) as sources:
            _play(context, sources, server, site=settings.web_url, step=step, launcher=launcher)
    _end(context, step)
    _show(context, console)


def wallet_key(name: str) -> Ed25519PrivateKey:
    """The key of a player's wallet, the same at every run: it is nobody's secret, and good on this machine alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(sha256(f"batch_platform demo {name}".encode()).digest())


def wallet(name: str) -> str:
    """The address of a player's wallet."""
    return wallets.encode(wallet_key(name).public_key().public_bytes_raw())


def _play(
    context: TradingContext,
    sources: Sources,
    server: PriceServer,
    *,
    site: str,
    step: Step,
    launcher: Launcher | None,
) -> None:
    joined = [name for name in PLAYERS if _join(context, name, site)]
    step(f"  signed in by their wallets: {', '.join(joined)}" if joined else "  all have joined before")
    _fetch_funding_rates(context, sources, step, launcher)
    ids: dict[str, str] = {}
    for number, orders in enumerate(ORDERS):
        for placement in orders:
            ids[placement.key] = _place(context, placement, ids)
        if _ticks(context) > number:
            step(f"  tick {number + 1} happened before")
        else:
            server.stand_at(number)
            step(f"  tick {number + 1}: {_tick(context, sources)}")
    _close(context)


def _fetch_funding_rates(context: TradingContext, sources: Sources, step: Step, launcher: Launcher | None) -> None:
    from batch_platform.trading.jobs import FUNDING
    from batch_platform.trading.service import funding

    if launcher is None:
        funding.fetch(context, sources, CAMPAIGN)
        return
    step(f"  running {FUNDING}")
    launcher.run(FUNDING).require_success()


def _join(context: TradingContext, name: str, site: str) -> bool:
    """Sign in as a player does, and register; False for whoever has."""
    from batch_platform.trading.service import players, registration

    address, key = wallet(name), wallet_key(name)
    with context.store.snapshot() as session:
        if session.player(_campaign(context).number, address) is not None:
            return False
    challenge = players.challenge(context, address, secrets.token_bytes)
    signature = wallets.encode(key.sign(challenge.message(site).encode()))
    if not players.prove(context, address, signature, site=site):
        raise PermanentFailure("demo-sign-in", "the wallet of {name} could not prove itself", name=name)
    registration.register(context, CAMPAIGN, address, registration.Profile(username=name))
    return True


def _place(context: TradingContext, placement: Placement, ids: dict[str, str]) -> str:
    """The id of an order, of this run or of an earlier one."""
    from batch_platform.trading.service import trades

    request = dict(placement.request)
    if placement.ends is not None:
        request["position" if request["order"] == "perp_close" else "investment"] = ids[placement.ends]
    order = trades.place(context, CAMPAIGN, wallet(placement.player), request, request_key=f"demo {placement.key}")
    return str(order["id"])


def _tick(context: TradingContext, sources: Sources) -> str:
    from batch_platform.trading.service import prices

    if (newest := _campaign(context).tick_at) is not None:
        _wait(context, newest)
    done = prices.fetch(context, sources, CAMPAIGN)
    if done.at is None:
        raise TransientFailure("demo-no-tick", "the prices did not become a tick: {reason}", reason=done.failed or "")
    return f"{done.accepted} prices, {done.filled} orders filled, {done.liquidated} positions liquidated"


def _close(context: TradingContext) -> None:
    """From the second after the newest tick on nothing is traded."""
    from batch_platform.trading.service import live

    with live.alone(context, CAMPAIGN) as (session, campaign):
        if campaign.tick_at is not None:
            session.end_campaign(campaign.number, campaign.tick_at + live.SECOND)


def _end(context: TradingContext, step: Step) -> None:
    """The final board: everybody valued as of the end."""
    from batch_platform.trading.service import live, snapshots, ticks

    campaign = _campaign(context)
    if campaign.ends_at is None:
        return
    with context.store.snapshot() as session:
        if session.has_instant(campaign.number, campaign.ends_at):
            return
    _wait(context, campaign.ends_at + live.SECOND)
    ticks.end(context, CAMPAIGN)
    taken = snapshots.take(context, CAMPAIGN, campaign.ends_at)
    step(f"  it has ended: {taken.complete} of {taken.players} players valued")


def _show(context: TradingContext, console: Console) -> None:
    from batch_platform.trading.service import contests
    from batch_platform.trading.service.export import export

    lines = export(context, CAMPAIGN)
    stored = came_to(context, CAMPAIGN)
    console.print(f"\nTrading, live: {_size(context)}", soft_wrap=True)
    show_equal(console, CAMPAIGN, stored, contests.replay(context, lines))
    verify(context, console, CAMPAIGN)
    ids = {name: _id(context, name) for name in PLAYERS}
    for line in board(stored, {own: name for name, own in ids.items()}):
        console.print(f"  {line}", soft_wrap=True)
    console.print(f"  the story of {FOLLOWED}, {wallet(FOLLOWED)}", soft_wrap=True)
    for at, text in story(contest.read(lines), stored, ids[FOLLOWED]):
        console.print(f"    {at:%H:%M:%S}  {text}", soft_wrap=True)


def _has_ended(context: TradingContext) -> bool:
    with context.store.snapshot() as session:
        row = session.campaign(CAMPAIGN)
    return row is not None and row["ends_at"] is not None


def _campaign(context: TradingContext) -> Campaign:
    from batch_platform.trading.service import market

    return market.campaign(context, CAMPAIGN)


def _ticks(context: TradingContext) -> int:
    with context.store.snapshot() as session:
        return int(session.contest_size(_campaign(context).number)["ticks"])


def _size(context: TradingContext) -> str:
    with context.store.snapshot() as session:
        size = session.contest_size(_campaign(context).number)
    return f"{size['users']} players, {size['ticks']} ticks, {size['orders']} orders"


def _id(context: TradingContext, name: str) -> str:
    with context.store.snapshot() as session:
        player = session.player(_campaign(context).number, wallet(name))
    return "" if player is None else str(player["id"])


def _wait(context: TradingContext, until: datetime) -> None:
    """Ticks lie a second apart: whoever makes many of them is ahead of the clock."""
    while context.clock() < until:
        time.sleep(0.05)
