"""The market as it is now: the clock, the seed, the prices that somebody has set, and the faults."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from batch_platform.local.price_server import walk
from batch_platform.local.price_server.faults import Fault, Source
from batch_platform.local.price_server.series import Series, bundled
from batch_platform.local.price_server.tokens import TOKENS, Token

Mode = Literal["walk", "series"]
_FUNDING_PERIOD: Final = timedelta(hours=8)
_LARGEST_RATE: Final = Decimal("0.0006")


@dataclass
class Clock:
    """Real time, until it is set: then it stands or goes on from there."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    at: datetime | None = None
    running: bool = True
    _since: float = 0

    def __call__(self) -> datetime:
        if self.at is None:
            return self.now()
        passed = self.monotonic() - self._since if self.running else 0
        return self.at + timedelta(seconds=passed)

    def set(self, at: datetime | None, *, running: bool) -> None:
        """Go on from an instant, or stand at it; None is the real time."""
        self.at, self.running, self._since = at, running, self.monotonic()

    def advance(self, seconds: int) -> None:
        """Jump; a clock that was real is no longer."""
        self.set(self() + timedelta(seconds=seconds), running=self.running)


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass
class Market:
    """All that answers depend on; every method may be called from any thread."""

    seed: int = 1
    mode: Mode = "walk"
    series: Series = field(default_factory=bundled)
    clock: Clock = field(default_factory=lambda: Clock(utc_now))
    tokens: dict[str, Token] = field(default_factory=lambda: {token.mint: token for token in TOKENS})
    pinned: dict[str, Decimal] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def price(self, token: Token, at: datetime) -> Decimal | None:
        """USD for one whole token: pinned, else of the series, where it may be unknown, else of the walk."""
        if token.mint in self.pinned:
            return self.pinned[token.mint]
        if self.mode == "series" and token.mint in self.series.prices:
            return self.series.price(token.mint, at)
        return walk.price(self.seed, token.mint, first=token.price, volatility=token.volatility, at=at)

    def funding_rate(self, token: Token, at: datetime) -> Decimal:
        """Of the period of eight hours that holds an instant: a share of the notional, positive when longs pay."""
        period = (at - walk.BEGINNING) // _FUNDING_PERIOD
        drawn = walk.share(self.seed, "funding", token.mint, period)
        return ((2 * drawn - 1) * _LARGEST_RATE).quantize(Decimal("1e-8"))

    def next_funding(self, at: datetime) -> datetime:
        """When the next period begins."""
        return walk.BEGINNING + ((at - walk.BEGINNING) // _FUNDING_PERIOD + 1) * _FUNDING_PERIOD

    def take_faults(self, source: Source) -> list[Fault]:
        """What is wrong with the next answer of a source; a fault that was for so many answers has one fewer."""
        with self.lock:
            self.requests[source] += 1
            due = [fault for fault in self.faults if fault.source == source]
            for fault in due:
                if fault.times is not None:
                    fault.times -= 1
            self.faults = [fault for fault in self.faults if fault.times is None or fault.times > 0]
            return due

    def list_token(self, mint: str, **fields: Any) -> None:
        """Trade another token, or change one."""
        with self.lock:
            known = self.tokens.get(mint) or Token(mint, mint[:6], 9, Decimal(1), Decimal("0.03"))
            self.tokens[mint] = replace(known, **fields)

    def state(self) -> dict[str, Any]:
        """Everything, as /control shows it; prices as text."""
        with self.lock:
            at = self.clock()
            return {
                "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
                "clock": "real" if self.clock.at is None else "running" if self.clock.running else "standing",
                "prices_from": self.mode,
                "seed": self.seed,
                "tokens": {
                    token.mint: {
                        "symbol": token.symbol,
                        "decimals": token.decimals,
                        "price": None if price is None else f"{price:f}",
                    }
                    for token in self.tokens.values()
                    for price in [self.price(token, at)]
                },
                "pinned": {mint: f"{price:f}" for mint, price in self.pinned.items()},
                "faults": [fault.model_dump(mode="json", exclude_defaults=True) for fault in self.faults],
                "asked": dict(self.requests),
            }
