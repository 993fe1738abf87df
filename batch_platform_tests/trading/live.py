"""A live campaign of a test's own, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from batch_platform.trading.service import TradingContext, engine, registration, ticks, trades
from batch_platform.trading.service.engine import Quote, Row, Tick

START = datetime(2026, 11, 9, tzinfo=UTC)
PRICES = {"SOL": "160", "USDC": "1"}


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Live:
    """The campaign: SOL with perpetuals and a pool for jSOL, USDC, WIF; everybody starts with 12 SOL and 900 USDC."""

    context: TradingContext
    name: str
    clock: Clock

    def join(self, *wallets: str) -> None:
        for wallet in wallets:
            registration.register(self.context, self.name, wallet)

    def tick(self, prices: Mapping[str, str] = PRICES, **options: Any) -> Tick | None:
        quotes = {symbol: Quote(Decimal(price)) for symbol, price in prices.items()}
        return ticks.tick(self.context, self.name, quotes, **options)

    def place(self, wallet: str, order: str, *, key: str | None = None, **fields: Any) -> Row:
        return trades.place(self.context, self.name, wallet, {"order": order, **fields}, request_key=key)

    def balances(self, wallet: str) -> dict[str, str]:
        with self.context.store.snapshot() as session:
            number = engine.campaign(session, self.name).number
            rows = session.answer("balances", number)
            player = session.player(number, wallet)
        assert player is not None
        return {row["token"]: f"{row['balance'].normalize():f}" for row in rows if row["user"] == player["id"]}


def make_live(
    trading: TradingContext,
    *,
    swap_fee_bps: str = "0",
    ends_at: datetime | None = None,
    addresses: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Live:
    """A new one, beginning at `START`; `addresses` are the tokens' by symbol, which is their address otherwise."""
    clock = clock or Clock()
    context = replace(trading, clock=clock)
    name = f"live-{uuid4().hex}"
    with context.store.transaction() as session:
        number = session.add_campaign(name=name, kind="live", swap_fee_bps=Decimal(swap_fee_bps), ends_at=ends_at)
        assert number is not None
        rows: list[Row] = [
            {"symbol": "SOL", "decimals": 9, "perp_max_leverage": 20},
            {"symbol": "USDC", "decimals": 6},
            {"symbol": "WIF", "decimals": 6},
            {"symbol": "jSOL", "decimals": 9, "type": "liquid_staking"},
        ]
        tokens = session.add_tokens(
            number, [{**row, "address": (addresses or {}).get(row["symbol"], row["symbol"])} for row in rows]
        )
        session.add_pools(
            [{"base_token_no": tokens["SOL"], "lst_token_no": tokens["jSOL"], "exchange_rate": Decimal("1.1")}]
        )
        rates = [
            {"token_no": tokens["SOL"], "action_type": action, "interest_rate": "7.3", "effective_date": START.date()}
            for action in ("staking", "liquid_staking")
        ]
        session.add_interest_rates([{"id": str(uuid4()), **rate} for rate in rates])
        session.set_grants(
            number, [{"token_no": tokens["SOL"], "amount": 12}, {"token_no": tokens["USDC"], "amount": 900}]
        )
    return Live(context, name, clock)
