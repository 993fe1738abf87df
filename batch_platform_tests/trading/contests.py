"""Contests at random: every kind of line and order, every reason for a refusal, gaps, shocks, ties and odd instants.

Lines are dictionaries with `kind` first, as `trading replay` takes them, in the order of their instants or shuffled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

Line = dict[str, Any]

DAY = 86_400
CASH = "USDC"
KEPT = "KEEP"
"""A token that nobody sells: what corrections may take away."""


@dataclass(frozen=True)
class Size:
    """How much of everything; `tokens` counts all but the LSTs of pools, `orders` those of each player.

    `partial` is the share of ticks that hold only some tokens, `rough` of those that come in two lines, with more
    decimals than a price has and with prices of LSTs; gaps last longer than a price is good.
    """

    players: int = 6
    days: float = 2
    tokens: int = 5
    pools: int = 1
    tick_every: int = 600
    snapshot_every: int = 3_600
    orders: int = 12
    odd_ticks: int = 30
    odd_snapshots: int = 5
    gaps: int = 2
    shocks: int = 4
    partial: float = 0.15
    rough: float = 0.05


TINY = Size(players=3, days=0.5, tokens=4, orders=8, odd_ticks=10, shocks=2, gaps=1)
FORTNIGHT = Size(
    players=200, days=14, tokens=23, pools=2, orders=60, odd_ticks=0, odd_snapshots=0, shocks=20, rough=0
)
"""200 players, 25 tokens, 2,016 ticks (fewer by the gaps), 336 snapshots."""


def contests(size: Size = TINY) -> st.SearchStrategy[list[Line]]:
    """For properties: a contest for each seed."""
    return st.integers(0, 2**32 - 1).map(lambda seed: contest(Random(seed), size))


def contest(random: Random, size: Size = TINY) -> list[Line]:
    """The lines of one contest; as many a time as it is asked for with the same state of `random`, the same."""
    return list(_Maker(random, size).lines())


def shuffled(random: Random, lines: Sequence[Line]) -> list[Line]:
    """The same contest: lines of one second and kind stay as they stand, others change places, some come twice."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for number, line in enumerate(lines):
        groups.setdefault((line["kind"], line.get("at", str(number))), []).append(line)
    moved = [line for group in random.sample([*groups.values()], k=len(groups)) for line in group]
    return [*moved, *random.sample(moved, k=len(moved) // 20)]


def written(lines: Iterable[Line]) -> str:
    """As JSON Lines."""
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)


def amount(units: int, places: int) -> str:
    """Whole units of 10^-places, in plain digits without trailing zeros."""
    text = f"{Decimal(units).scaleb(-places):f}" if units else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass
class _Token:
    name: str
    decimals: int
    max_leverage: int | None
    price: int
    places: int
    grant: int
    """Units that a player gets at the start."""


@dataclass
class _Player:
    name: str
    at: int
    positions: list[str] = field(default_factory=list)
    stakes: list[str] = field(default_factory=list)


class _Maker:
    def __init__(self, random: Random, size: Size) -> None:
        self.random, self.size = random, size
        self.start = int(datetime(2026, random.randint(1, 12), random.randint(1, 28), tzinfo=UTC).timestamp())
        self.start += random.choice([0, 0, 1, 3_599, 86_340, random.randrange(DAY)])
        self.end = self.start + int(size.days * DAY)
        self.tokens = [self._token(number) for number in range(size.tokens - 2)]
        self.tokens += [_Token(CASH, 6, None, 10**6, 6, 10**9), _Token(KEPT, 3, None, 25_000, 4, 40_000)]
        self.perps = [token for token in self.tokens if token.max_leverage]
        self.lsts: dict[str, _Token] = {}
        for base in random.sample(self.tokens[:-2], k=min(size.pools, len(self.tokens) - 2)):
            lst = f"j{base.name}"
            self.lsts[base.name] = _Token(lst, random.choice([base.decimals, random.randint(0, 18)]), None, 0, 0, 0)
        self.sold = [token for token in self.tokens if token.name != KEPT]
        self.turns = [self.end - back for back in (0, 1, 300, 1_799, 1_800, 1_801)]
        """Instants at which orders meet the end, a gap or a shock."""
        self.number = 0

    def lines(self) -> Iterator[Line]:
        yield from self._rules()
        ticks = list(self._ticks())
        instants = [self._seconds(tick) for tick in ticks]
        timed = [*ticks, *self._snapshots(instants)]
        for number in range(self.size.players):
            timed += self._player(number, instants)
        timed.sort(key=lambda line: line["at"])
        yield from timed

    def _instant(self, at: int) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _seconds(self, line: Line) -> int:
        return int(datetime.fromisoformat(line["at"]).timestamp())

    # what holds from the start

    def _token(self, number: int) -> _Token:
        random = self.random
        places = random.choice([0, 2, 6, 9, 18])
        price = max(1, int(10 ** random.uniform(-6, 5) * 10**places))
        decimals = random.choice([0, 6, 8, 9, 18, random.randint(0, 18)])
        leverage = random.choice([1, 2, 5, 20, 50, 100]) if number == 0 or random.random() < 0.5 else None
        worth = 10**decimals * random.randint(500, 2_000) * 10**places // price
        return _Token(f"T{number:02}", decimals, leverage, price, places, max(random.randint(1, 50), worth))

    def _rules(self) -> Iterator[Line]:
        random, day = self.random, datetime.fromtimestamp(self.start, UTC).date()
        if random.random() < 0.8:
            bps = {
                "swap_fee_bps": random.choice(["0", "25", "12.5"]),
                "perp_fee_bps": random.choice(["0", "4", "0.7"]),
            }
            yield {"kind": "settings", **bps}
        for token in [*self.tokens, *self.lsts.values()]:
            line: Line = {"kind": "token", "token": token.name, "decimals": token.decimals}
            yield line | ({"perp_max_leverage": token.max_leverage} if token.max_leverage else {})
        for base, lst in self.lsts.items():
            rate = amount(random.randint(10**17, 3 * 10**18), 18)
            yield {"kind": "lst_pool", "base": base, "lst": lst.name, "exchange_rate": rate}
        staked = [(token.name, "staking") for token in self.tokens if random.random() < 0.7]
        for token_name, action in staked + [(base, "liquid_staking") for base in self.lsts]:
            for days in sorted({random.choice([-9, 0]), random.randint(0, 3), random.randint(1, 14)}):
                effective = (day + timedelta(days=days)).isoformat()
                rate = amount(random.randint(0, 30 * 10**5), 5)
                line = {"kind": "interest_rate", "token": token_name, "action": action}
                yield line | {"rate": rate, "effective": effective}
        for token in self.perps:
            for at in sorted({self.start + random.randrange(0, self.end - self.start) for _ in range(5)}):
                rate = amount(random.randint(-(10**9), 10**9), 12)
                yield {"kind": "funding_rate", "token": token.name, "rate": rate, "at": self._instant(at)}

    # prices

    def _ticks(self) -> Iterator[Line]:
        random, size = self.random, self.size
        instants = set(range(self.start, self.end + 1, size.tick_every))
        instants |= {random.randint(self.start, self.end) for _ in range(size.odd_ticks)}
        for _ in range(size.gaps):
            gap = random.randint(self.start, self.end)
            self.turns += [gap, gap + 10, gap + 20]
            instants -= set(range(gap, gap + random.randint(1_801, 7_200)))
        shocks = set(random.sample(sorted(instants), k=min(size.shocks, len(instants))))
        self.turns += [at - back for at in shocks for back in (1, 5, 30, 200)]
        for at in sorted(instants):
            for token in self.tokens:
                self._step(token, shock=at in shocks and token.max_leverage is not None)
            held = self.tokens
            if random.random() < size.partial:
                held = random.sample(self.tokens, k=random.randint(1, len(self.tokens)))
            prices = {token.name: amount(token.price, token.places) for token in held}
            for part in self._roughly(prices) if random.random() < size.rough else [prices]:
                yield {"kind": "tick", "at": self._instant(at), "prices": part}

    def _roughly(self, prices: dict[str, str]) -> Iterator[dict[str, str]]:
        """More digits than 18 decimals, half a unit among them; an LST from outside."""
        for part in (dict(list(prices.items())[::2]), dict(list(prices.items())[1::2])):
            for name, text in part.items():
                whole, _, rest = text.partition(".")
                part[name] = f"{whole}.{rest.ljust(18, '0')}{self.random.choice(['5', '51', '4999', '50'])}"
            yield part | {lst.name: "123.45" for lst in self.lsts.values()}

    def _step(self, token: _Token, *, shock: bool) -> None:
        random, reach = self.random, 3 if token.name == CASH else 60
        step = random.choice([-4_500, -2_000, 2_000, 8_000]) if shock else random.randint(-reach, reach)
        token.price = max(1, token.price * (10_000 + step) // 10_000)
        if token.price < 100 and token.places < 18:
            token.price, token.places = token.price * 1_000, token.places + 3

    def _snapshots(self, ticks: Sequence[int]) -> Iterator[Line]:
        size, random = self.size, self.random
        first = self.start - self.start % size.snapshot_every + size.snapshot_every
        instants = set(range(first, self.end + 1, size.snapshot_every))
        for _ in range(size.odd_snapshots):
            instants.add(random.choice([random.randint(self.start, self.end), random.choice(ticks)]))
        for at in sorted(instants):
            yield {"kind": "snapshot", "at": self._instant(at)}

    # players

    def _player(self, number: int, ticks: Sequence[int]) -> Iterator[Line]:
        random, span = self.random, self.end - self.start
        joins = self.start + random.choice([0, 0, 0, 7, random.randrange(span // 3)])
        player = _Player(f"{random.choice(['ann', 'Bob', 'cho', 'dée', '江'])}-{number:03}", joins)
        line = {"kind": "user", "user": player.name, "at": self._instant(joins)}
        yield line | random.choice([{}, {}, {}, {"status": "active"}, {"status": "disqualified"}])
        yield from self._flows(player)
        moments = sorted(self._moment(player, ticks) for _ in range(self.size.orders))
        for at in moments:
            self.number += 1
            order = {"kind": "order", "id": f"o{self.number * 7919 % 100_003:06}", "user": player.name}
            yield order | {"at": self._instant(at)} | self._order(player, order["id"])

    def _moment(self, player: _Player, ticks: Sequence[int]) -> int:
        """Of a tick, just before one, 1,800 seconds before one, one of those to watch, or any other."""
        random = self.random
        tick, other = random.choice(ticks), random.randint(self.start, self.end)
        at = random.choice([tick, tick - 1, tick - 1_800, tick - 1_801, other, other, *random.sample(self.turns, 2)])
        return max(player.at, at)

    def _flows(self, player: _Player) -> Iterator[Line]:
        random = self.random

        def flow(at: int, kind: str, amounts: dict[str, str]) -> Line:
            return {"kind": "flow", "user": player.name, "at": self._instant(at), "flow": kind, "amounts": amounts}

        grant = {token.name: amount(token.grant, token.decimals) for token in self.tokens}
        after = player.at + random.choice([0, 0, 0, 5, 3_000])
        match random.randrange(12):
            case 0:
                grants = []
            case 1:
                grants = [flow(after, "initial", {}), flow(after + 60, "deposit", grant)]
            case 2:
                grants = [flow(after, "initial", grant), flow(after + 900, "initial", grant)]
            case 3:
                grants = [flow(after, "deposit", grant), flow(after + 1, "initial", grant)]
            case _:
                grants = [flow(after, "initial", grant)]
        yield from grants
        later = sorted({random.randint(after + 1_000, self.end + 1_000) for _ in range(3 if grants else 0)})
        for at in [at for at in later if at <= self.end]:
            token = random.choice(self.tokens)
            given = amount(random.randint(0, max(1, token.grant // 5)), token.decimals)
            taken = amount(-random.randint(0, 10_000), 3)
            yield random.choice(
                [
                    flow(at, "deposit", {token.name: given, CASH: "12.5"}),
                    flow(at, "correction", {KEPT: taken, CASH: "0"}),
                ]
            )

    # orders

    def _order(self, player: _Player, name: str) -> Line:
        random = self.random
        if random.random() < 0.15:
            return self._refused(player)
        kinds = ["swap", "swap", "stake", "liquid_stake", "perp_open", "perp_open"]
        kinds += ["perp_close"] * 3 if player.positions else []
        kinds += ["unstake"] * 2 if player.stakes else []
        match random.choice(kinds):
            case "swap":
                sold = random.choice([*self.sold, *self.lsts.values()])
                bought = random.choice([token for token in [*self.tokens, *self.lsts.values()] if token is not sold])
                return {"order": "swap", "from": sold.name, "to": bought.name, "amount": self._part(sold)}
            case "perp_open" if self.perps:
                player.positions.append(name)
                token = random.choice(self.perps)
                leverage = random.choice([1, token.max_leverage, random.randint(1, token.max_leverage or 1)])
                collateral = random.choice(["0.000001", *[amount(random.randint(1, 10**8), 6)] * 9])
                line = {"order": "perp_open", "token": token.name, "collateral": collateral, "leverage": leverage}
                return line | {"direction": random.choice(["long", "short"])}
            case "perp_close":
                return {"order": "perp_close", "position": random.choice(player.positions[-4:])}
            case "unstake":
                return {"order": "unstake", "investment": random.choice(player.stakes[-4:])}
            case "liquid_stake" if self.lsts:
                player.stakes.append(name)
                token = random.choice([token for token in self.tokens if token.name in self.lsts])
                return {"order": "liquid_stake", "token": token.name, "amount": self._part(token)}
            case _:
                player.stakes.append(name)
                token = random.choice(self.sold)
                return {"order": "stake", "token": token.name, "amount": self._part(token)}

    def _part(self, token: _Token) -> str:
        """Some of what a player was granted; at times a single unit, or more than there is."""
        random = self.random
        units = max(
            1, token.grant * random.randint(1, 150) // 1_000 if token.grant else random.randint(1, 10**token.decimals)
        )
        return amount(random.choice([1, token.grant * 3 + 1, *[units] * 10]), token.decimals)

    def _refused(self, player: _Player) -> Line:
        """Something that is most likely refused, for any of the reasons."""
        random = self.random
        token, perp = random.choice(self.sold), random.choice(self.perps)
        finer = amount(10 ** random.randint(1, 3) + 1, token.decimals + 4)
        open_ = {"order": "perp_open", "token": perp.name, "collateral": "5", "leverage": 1, "direction": "long"}
        return random.choice(
            [
                {"order": "swap", "from": token.name, "to": "NONE", "amount": "1"},
                {"order": "swap", "from": token.name, "to": token.name, "amount": "1"},
                {"order": "swap", "from": token.name, "to": KEPT, "amount": random.choice([finer, "0", "-1"])},
                {"order": "stake", "token": token.name, "amount": random.choice([finer, "0", "-0.5"])},
                {"order": "liquid_stake", "token": CASH, "amount": "1"},
                open_ | {"leverage": random.choice([0, (perp.max_leverage or 0) + 1])},
                open_ | {"collateral": random.choice(["0", "0.0000001", "1000000"])},
                open_ | {"token": CASH},
                {"order": "perp_close", "position": f"o{random.randint(1, 999_999):06}"},
                {"order": "unstake", "investment": random.choice([*player.stakes, "none"])},
            ]
        )
