"""Makes the contest that `make demo` loads and replays: two days, fifty players, one seed.

Run: python -m batch_platform_tests.trading.demo_contest > batch_platform/trading/demo/contest.jsonl
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from batch_platform_tests.trading.contests import CASH, DAY, amount, written

Line = dict[str, Any]

START = int(datetime(2026, 10, 19, tzinfo=UTC).timestamp())
END = START + 2 * DAY
HOUR = 3_600
PRICE_PLACES = 10

GAP = (START + 12 * HOUR + 1_200, START + 13 * HOUR + 600)
"""No tick strictly between: at 13:00 no price is good, and orders of 12:20 expire."""
BONK_AWAY = (START + 27 * HOUR, START + 29 * HOUR)
CRASH = START + 39 * HOUR + 1_200
"""The tick at which the market falls further than the collateral of high leverage."""

NAMES = """
haruka kenta yui daiki sakura ren aoi sota mei takumi hina yuto rin kaito miyu haruto nana riku emi shota ayaka kohei
mio tsubasa kaede naoki misaki jun akari ryota chihiro satoshi momoka yuki makoto reina hiroto kana tatsuya sayaka
minoru asuka osamu tomoko isamu natsuki goro fumika wataru shiori
"""
UNLUCKY = "haruka"
"""Closes twice, seconds before the crash, what the crash liquidates."""


@dataclass
class Token:
    """Its first price in units of 10^-10 USD, how far a tick moves it (1/10⁴), and what the crash leaves (1/10³)."""

    name: str
    decimals: int
    price: int
    reach: int
    left: int
    max_leverage: int | None = None
    staking: str | None = None


TOKENS = [
    Token(CASH, 6, 9_998_000_000, 1, 999),
    Token("SOL", 9, 1_624_215_300_000, 35, 872, 20, "6.15"),
    Token("cbBTC", 8, 1_013_427_150_000_000, 22, 931, 50),
    Token("JUP", 6, 3_587_400_000, 48, 801, 10, "12.4"),
    Token("BONK", 5, 128_450, 60, 768, 5),
    Token("WIF", 6, 4_210_600_000, 65, 784),
    Token("JTO", 9, 7_134_200_000, 45, 823, None, "4.9"),
    Token("PYTH", 6, 931_750_000, 42, 838, None, "3.25"),
]
LST = "jitoSOL"
GRANT = {"SOL": 10 * 10**9, CASH: 1_000 * 10**6}


@dataclass
class Player:
    """Spends from `free` as if what it buys were a little less: few of its orders are refused."""

    name: str
    at: int
    habit: str
    free: dict[str, int] = field(default_factory=dict)
    positions: list[tuple[str, int]] = field(default_factory=list)
    stakes: list[str] = field(default_factory=list)


def main() -> None:
    sys.stdout.write(text())


def text() -> str:
    """The file, always the same."""
    return written(_lines(Random("two days of October")))


def instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(random: Random) -> Iterator[Line]:
    yield from _rules()
    prices: dict[int, dict[str, int]] = {}
    timed = list(_ticks(random, prices))
    timed += [{"kind": "snapshot", "at": instant(at)} for at in range(START + HOUR, END + 1, HOUR)]
    orders = []
    for number, name in enumerate(NAMES.split()):
        habit = ("trader", "staker", "swapper", "holder", "trader")[number % 5]
        late = 9 * HOUR + 137 if number == 33 else 0
        player = Player(f"{name}.sol", START + late + number % 4, habit)
        timed += _joins(player, number)
        orders += [*_orders(random, player, prices), *(_unlucky(player) if name == UNLUCKY else ())]
    orders.sort(key=lambda order: (order["at"], order["user"]))
    for number, order in enumerate(orders, 1):
        order["id"] = f"order-{number:04}"
    ids = {order.pop("ref"): order["id"] for order in orders}
    for order in orders:
        for name in ("position", "investment"):
            if name in order:
                order[name] = ids.get(order[name], order[name])
    timed += orders
    timed.sort(key=lambda line: line["at"])
    yield from timed


def _rules() -> Iterator[Line]:
    yield {"kind": "settings", "swap_fee_bps": "25", "perp_fee_bps": "6"}
    for token in TOKENS:
        line: Line = {"kind": "token", "token": token.name, "decimals": token.decimals}
        yield line | ({"perp_max_leverage": token.max_leverage} if token.max_leverage else {})
    yield {"kind": "token", "token": LST, "decimals": 9}
    yield {"kind": "lst_pool", "base": "SOL", "lst": LST, "exchange_rate": "1.236918402"}
    for token in TOKENS:
        if token.staking:
            line = {"kind": "interest_rate", "token": token.name, "action": "staking"}
            yield line | {"rate": token.staking, "effective": "2026-10-01"}
    for rate, effective in (("7.12", "2026-10-01"), ("7.045", "2026-10-20")):
        line = {"kind": "interest_rate", "token": "SOL", "action": "liquid_staking"}
        yield line | {"rate": rate, "effective": effective}
    rates = {
        "SOL": ("0.0001", "0.0001", "0.000125", "0.00009731", "-0.000064", "-0.00018"),
        "cbBTC": ("0.0001", "0.00007252", "0.0001", "0.0001", "0.00003", "-0.00002"),
        "JUP": ("0.0003", "0.00021", "0.00034", "0.0005", "0.00012", "-0.0011"),
        "BONK": ("0.0005", "0.0009", "0.00061", "0.0005", "-0.0002", "-0.0024"),
    }
    for token_name, values in rates.items():
        for number, rate in enumerate(values):
            at = instant(START + number * 8 * HOUR)
            yield {"kind": "funding_rate", "token": token_name, "rate": rate, "at": at}


# prices


def _due(at: int) -> bool:
    """Every ten minutes; quarters of an hour in the night of Tokyo, 16:00 to 20:59 UTC."""
    return at % 900 == 0 if 16 <= at % DAY // HOUR < 21 else at % 600 == 0


def _ticks(random: Random, prices: dict[int, dict[str, int]]) -> Iterator[Line]:
    refreshes = {START + random.randrange(2 * DAY) for _ in range(24)}
    now = {token.name: token.price for token in TOKENS}
    for at in range(START, END + 1):
        if GAP[0] < at < GAP[1] or not (_due(at) or at in refreshes):
            continue
        for token in TOKENS:
            now[token.name] = _next(random, token, now[token.name], at)
        prices[at] = dict(now)
        held = {name: price for name, price in now.items() if not (name == "BONK" and _between(at, BONK_AWAY))}
        held = held if _due(at) else {name: held[name] for name in (CASH, "SOL", "JUP")}
        yield {"kind": "tick", "at": instant(at), "prices": {name: _price(price) for name, price in held.items()}}


def _between(at: int, window: tuple[int, int]) -> bool:
    return window[0] <= at < window[1]


def _next(random: Random, token: Token, price: int, at: int) -> int:
    if token.name == CASH:
        return 10**10 + random.randint(-4, 4) * 10**6
    if at == CRASH:
        return price * token.left // 1_000
    drift = -3 if at < START + 9 * HOUR else 5 if at < CRASH else 4
    return price * (10_000 + random.randint(-token.reach, token.reach) + drift) // 10_000


def _price(price: int) -> str:
    """With as many digits as a source gives: nine that count, at most ten after the point."""
    drop = max(0, len(str(price)) - 9)
    return amount(price // 10**drop * 10**drop, PRICE_PLACES)


# players


def _joins(player: Player, number: int) -> Iterator[Line]:
    line = {"kind": "user", "user": player.name, "at": instant(player.at)}
    yield line | ({"status": "disqualified"} if number == 41 else {})
    if number == 48:
        return
    player.free = dict(GRANT)
    player.free[CASH] -= 200 * 10**6 if player.name.startswith(UNLUCKY) else 0
    decimals = {token.name: token.decimals for token in TOKENS}
    granted = {token: amount(units, decimals[token]) for token, units in GRANT.items()}
    flow = {"kind": "flow", "user": player.name, "flow": "initial", "amounts": granted}
    yield {"kind": "flow", "user": player.name, "at": instant(player.at)} | flow
    if number in (7, 21):
        at = instant(START + (16 + number) * HOUR + 411)
        yield {"kind": "flow", "user": player.name, "at": at, "flow": "deposit", "amounts": {CASH: "250"}}
    if number == 13:
        at = instant(START + HOUR + 8)
        yield {"kind": "flow", "user": player.name, "at": at, "flow": "correction", "amounts": {"SOL": "-0.5"}}
        player.free["SOL"] -= 5 * 10**8


def _orders(random: Random, player: Player, prices: dict[int, dict[str, int]]) -> Iterator[Line]:
    counts = {"trader": 20, "staker": 10, "swapper": 18, "holder": 4}
    moments = {START + random.randrange(600, 2 * DAY - 3_600) for _ in range(counts[player.habit])}
    moments = {at for at in moments if at > player.at + 3_600}
    if player.habit == "trader":
        moments |= {CRASH - random.randrange(1_300, 5_400), GAP[0] + random.randrange(5, 900)}
    for step, at in enumerate(sorted(moments)):
        order = (
            _mistaken(random, player) if random.random() < 0.05 else _order(random, player, at, _known(prices, at))
        )
        line = {"kind": "order", "id": "", "user": player.name, "at": instant(at)}
        ref = f"{player.name} {step}"
        yield line | {"ref": ref} | order
        if order["order"] in ("stake", "liquid_stake"):
            player.stakes.append(ref)
        if order["order"] == "perp_open":
            player.positions.append((ref, at))


def _unlucky(player: Player) -> Iterator[Line]:
    opening = {"order": "perp_open", "token": "SOL", "collateral": "80", "leverage": 20, "direction": "long"}
    closing = {"order": "perp_close", "position": "unlucky"}
    for number, (before, order) in enumerate([(3_000, opening), (11, closing), (5, closing)]):
        line = {"kind": "order", "id": "", "user": player.name, "at": instant(CRASH - before)}
        yield line | {"ref": f"unlucky {number}" if number else "unlucky"} | order


def _known(prices: dict[int, dict[str, int]], at: int) -> dict[str, int]:
    return prices[max(tick for tick in prices if tick <= at)]


def _order(random: Random, player: Player, at: int, prices: dict[str, int]) -> Line:
    old = [ref for ref, since in player.positions if at - since > 2 * HOUR]
    if player.habit == "trader" and old and random.random() < 0.6:
        player.positions = [position for position in player.positions if position[0] != old[0]]
        player.free[CASH] += 60 * 10**6
        return {"order": "perp_close", "position": old[0]}
    if player.habit == "trader" and player.free.get(CASH, 0) > 150 * 10**6:
        return _open(random, player, at)
    if player.habit == "staker" and player.stakes and random.random() < 0.3:
        return {"order": "unstake", "investment": player.stakes.pop(0)}
    if player.habit in ("staker", "holder") and player.free.get("SOL", 0) > 10**9 and random.random() < 0.7:
        kind = random.choice(["stake", "liquid_stake"])
        return {"order": kind, "token": "SOL", "amount": amount(_part(random, player, "SOL", 9), 9)}
    return _swap(random, player, prices)


def _open(random: Random, player: Player, at: int) -> Line:
    token = random.choice([token for token in TOKENS if token.max_leverage])
    highest = token.max_leverage or 1
    near = at > CRASH - 2 * HOUR
    leverage = highest if near and random.random() < 0.5 else random.randint(2, max(2, highest // 2))
    collateral = random.randint(40, 120) * 10**6 + random.choice([0, 0, 500_000, 250_000])
    player.free[CASH] -= collateral + collateral * leverage * 6 // 10_000 + 1
    line: Line = {"order": "perp_open", "token": token.name, "collateral": amount(collateral, 6)}
    direction = "long" if random.random() < (0.8 if near and at < CRASH else 0.6) else "short"
    return line | {"leverage": leverage, "direction": direction}


def _swap(random: Random, player: Player, prices: dict[str, int]) -> Line:
    known = {token.name: token for token in TOKENS}
    held = [name for name, units in player.free.items() if units > 10 ** known[name].decimals]
    sold = random.choice(held or [CASH])
    bought = random.choice([name for name in known if name != sold])
    paid, places = _part(random, player, sold, known[sold].decimals), known[sold].decimals
    worth = paid * prices[sold] * 10 ** known[bought].decimals // 10**places // prices[bought]
    player.free[bought] = player.free.get(bought, 0) + worth * 95 // 100
    return {"order": "swap", "from": sold, "to": bought, "amount": amount(paid, places)}


def _part(random: Random, player: Player, token: str, decimals: int) -> int:
    """A part of what is free, in digits such as people type."""
    free = player.free.get(token, 0) or 10**decimals
    units = free * random.randint(8, 45) // 100
    coarse = 10 ** max(0, len(str(units)) - random.choice([2, 2, 3, 4]))
    units = max(1, units // coarse * coarse)
    player.free[token] = player.free.get(token, 0) - units
    return units


def _mistaken(random: Random, player: Player) -> Line:
    """What people get wrong."""
    return random.choice(
        [
            {"order": "swap", "from": CASH, "to": "USDT", "amount": "100"},
            {"order": "swap", "from": "SOL", "to": "SOL", "amount": "1"},
            {"order": "swap", "from": CASH, "to": "SOL", "amount": "12.3456789"},
            {"order": "swap", "from": "SOL", "to": CASH, "amount": "1000"},
            {"order": "stake", "token": "JUP", "amount": "0"},
            {"order": "liquid_stake", "token": "SOL", "amount": "0.000000001"},
            {"order": "liquid_stake", "token": "JUP", "amount": "10"},
            {"order": "perp_open", "token": "SOL", "collateral": "50", "leverage": 25, "direction": "long"},
            {"order": "perp_open", "token": "WIF", "collateral": "50", "leverage": 3, "direction": "short"},
            {"order": "perp_open", "token": "cbBTC", "collateral": "25000", "leverage": 50, "direction": "long"},
            {"order": "perp_close", "position": "order-9999"},
            {"order": "unstake", "investment": "order-9999"},
        ]
    )


if __name__ == "__main__":
    main()
