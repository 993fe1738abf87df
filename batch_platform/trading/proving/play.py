"""A day of a live campaign as a list of acts: who joins, orders, ticks, flows and snapshots, each at its instant; and
a month later the thinning of all that.

Each act is a use case as the API, the worker or a run calls it, with what makes it the same act when it is tried
again: a request's key, a scheduled window, an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

from batch_platform.core.failures import TransientFailure
from batch_platform.proving.cases import Case
from batch_platform.proving.ground import START
from batch_platform.settings import load_settings
from batch_platform.trading.opening import open_sources
from batch_platform.trading.proving.ground import CAMPAIGN, Ground
from batch_platform.trading.service import (
    TradingContext,
    prices,
    registration,
    retention,
    snapshots,
    ticks,
    trades,
)
from batch_platform.trading.service.engine import Quote
from batch_platform.trading.settings import TradingSettings

Act = Callable[[TradingContext], object]

_TEN_MINUTES: Final = timedelta(minutes=10)
_SECOND: Final = timedelta(seconds=1)
_GRANT: Final = {"SOL": 12, "USDC": 900}
_CRASH_AT: Final = 5
"""The tick at which the price of SOL falls by a third."""
FETCHED: Final = (2, 4)
"""Ticks whose prices the sources are asked for, over HTTP: locally the embedded price server."""
THINNED_AFTER: Final = timedelta(days=40)
"""The last act: by then a day's snapshots are thinned to one in three hours, and looks at sources are deleted."""
_MINTS: Final = {
    "USDC": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    "SOL": "So11111111111111111111111111111111111111112",
    "WIF": "EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm",
}


@dataclass(frozen=True, kw_only=True)
class DayCase(Case):
    """So many players, and ticks of ten minutes; `kills` real processes."""

    players: int
    ticks: int = 7
    kills: int = 0


@dataclass(frozen=True)
class Timed:
    """An act and its instant."""

    at: datetime
    act: Act


def set_up(ground: Ground) -> None:
    """The campaign: USDC, SOL with perpetuals and a pool for jSOL, WIF; rates, fees and what players start with."""
    ground.clear()
    with ground.worker(lambda: START) as context, context.store.transaction() as session:
        number = session.add_campaign(
            name=CAMPAIGN, kind="live", swap_fee_bps=Decimal("12.5"), perp_fee_bps=Decimal(4)
        )
        assert number is not None
        tokens = session.add_tokens(
            number,
            [
                {"symbol": "USDC", "decimals": 6, "address": _MINTS["USDC"]},
                {"symbol": "SOL", "decimals": 9, "address": _MINTS["SOL"], "perp_max_leverage": 20},
                {"symbol": "jSOL", "decimals": 9, "type": "liquid_staking"},
                {"symbol": "WIF", "decimals": 6, "address": _MINTS["WIF"], "perp_max_leverage": 10},
            ],
        )
        session.add_pools(
            [{"base_token_no": tokens["SOL"], "lst_token_no": tokens["jSOL"], "exchange_rate": Decimal("1.1")}]
        )
        session.add_interest_rates(
            [
                {
                    "id": str(UUID(int=place)),
                    "token_no": tokens["SOL"],
                    "action_type": action,
                    "interest_rate": "6.8",
                    "effective_date": START.date(),
                }
                for place, action in enumerate(("staking", "liquid_staking"))
            ]
        )
        session.add_funding_rates(
            [{"id": str(UUID(int=9)), "token_no": tokens["SOL"], "rate": "0.000125", "at": START}]
        )
        session.set_grants(
            number, [{"token_no": tokens[symbol], "amount": amount} for symbol, amount in _GRANT.items()]
        )


def a_day(case: DayCase) -> list[Timed]:
    """The acts in their order; the same case has the same acts."""
    random = Random(f"{case.scenario} {case.seed} {case.number}")  # noqa: S311 (to be played again alike)
    wallets = [f"wallet-{number}" for number in range(case.players)]
    # the day begins before midnight, so that interest of a day is in it
    begin = START + timedelta(days=1) - 2 * _TEN_MINUTES
    acts = [Timed(begin + place * _SECOND, _join(wallet)) for place, wallet in enumerate(wallets)]
    price = Decimal(160)
    for number in range(case.ticks):
        window = begin + (number + 1) * _TEN_MINUTES
        price = (price * Decimal(random.randrange(970, 1030)) / 1000).quantize(Decimal("0.000001"))
        if number == _CRASH_AT:
            price = (price * 2 / 3).quantize(Decimal("0.000001"))
        given = {"SOL": price, "USDC": Decimal("0.9998"), "WIF": price / 64}
        acts.append(Timed(window, _fetch(window) if number in FETCHED else _tick(given, window)))
        acts += [
            Timed(window + timedelta(seconds=20 + place), _order(wallet, number, random))
            for place, wallet in enumerate(wallets)
        ]
        if number == 1:
            acts.append(Timed(window + timedelta(seconds=200), _deposit(wallets[0], number)))
        acts.append(Timed(window + timedelta(seconds=300), _snapshot(window)))
    acts.append(Timed(acts[-1].at + THINNED_AFTER, _thin))
    return acts


def _join(wallet: str) -> Act:
    return lambda context: registration.register(context, CAMPAIGN, wallet)


def _tick(given: dict[str, Decimal], window: datetime) -> Act:
    quotes = {symbol: Quote(price) for symbol, price in given.items()}
    return lambda context: ticks.tick(context, CAMPAIGN, quotes, window_at=window)


def _fetch(window: datetime) -> Act:
    def fetch(context: TradingContext) -> object:
        with open_sources(load_settings().of(TradingSettings), clock=context.clock) as sources:
            outcome = prices.scheduled(context, sources, CAMPAIGN, window)
        if outcome.at is None:
            raise TransientFailure("no-tick", "no tick of {failures}", failures=f"{CAMPAIGN} ({outcome.failed})")
        return outcome

    return fetch


def _thin(context: TradingContext) -> object:
    return retention.prune(context, context.clock().date(), campaign=CAMPAIGN)


def _snapshot(window: datetime) -> Act:
    return lambda context: snapshots.take(context, CAMPAIGN, window)


def _deposit(wallet: str, number: int) -> Act:
    return lambda context: registration.move(
        context,
        CAMPAIGN,
        wallet,
        "deposit",
        {"USDC": "25.5"},
        reason="proof",
        record=lambda *_: None,
        request_key=f"deposit-{number}",
    )


def _order(wallet: str, number: int, random: Random) -> Act:
    """What a player does after a tick: all kinds in turn; what he has made, he ends two ticks later."""
    kinds: list[dict[str, Any]] = [
        {"order": "perp_open", "token": "SOL", "collateral": "120.5", "leverage": 18, "direction": "long"},
        {"order": "swap", "from": "SOL", "to": "USDC", "amount": f"{random.randrange(1, 9)}.5"},
        {"order": "stake", "token": "SOL", "amount": "1.25"},
        {"order": "liquid_stake", "token": "SOL", "amount": "0.75"},
        {"order": "perp_open", "token": "WIF", "collateral": "80", "leverage": 7, "direction": "short"},
        {"order": "swap", "from": "USDC", "to": "WIF", "amount": "5000"},
    ]
    player = int(wallet.rpartition("-")[2])
    made = (number - 2 + player) % len(kinds)
    request = kinds[(number + player) % len(kinds)]
    if number >= 2 and random.random() < 0.5:
        target = f"{wallet}-{number - 2}"
        if kinds[made]["order"] == "perp_open":
            request = {"order": "perp_close", "position": target}
        elif kinds[made]["order"] in ("stake", "liquid_stake"):
            request = {"order": "unstake", "investment": target}
    order_id = f"{wallet}-{number}"
    return lambda context: trades.place(
        replace(context, new_id=lambda _: order_id), CAMPAIGN, wallet, request, request_key=order_id
    )


def act_from(context_at: Callable[[datetime], TradingContext], acts: list[Timed]) -> Iterator[int]:
    """Each act at its instant; gives how many are done."""
    for done, timed in enumerate(acts, 1):
        timed.act(context_at(timed.at))
        yield done


def play(ground: Ground, acts: list[Timed], hazard: Any = None) -> None:
    """A worker does these acts, or dies at one."""
    with ground.worker(lambda: START, hazard) as context:
        for _ in act_from(lambda at: replace(context, clock=lambda: at), acts):
            pass


def day_worker(name: str) -> Callable[[str], None]:
    """A process that does the acts of the case it is sent: scenario, seed, players, first and last act."""
    ground = Ground(load_settings(), name)

    def work(line: str) -> None:
        scenario, seed, players, first, last = line.split("|")
        case = DayCase(scenario, int(seed), players=int(players))
        play(ground, a_day(case)[int(first) : int(last)])

    return work
