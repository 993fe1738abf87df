"""The steps of a campaign in motion, one statement each; the order they go in is the service's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from batch_platform.trading.store.statements import Row, TradingStatements, rows_of


class Engine(TradingStatements):
    """Set-based: what is handed over is many rows, each player at most once in a call where it is said so."""

    def begin_day(self, campaign_no: int, day: date) -> None:
        """The day of a campaign's first instant."""
        self._run("first_day", campaign_no=campaign_no, day=day)

    def end_day(self, campaign_no: int, day: date) -> None:
        """Interest and rates of liquid staking of a UTC day that has ended."""
        self._run("end_day", campaign_no=campaign_no, day=day)

    def add_users(self, campaign_no: int, users: Sequence[Row]) -> dict[str, int]:
        """Numbers of new players by id."""
        rows = self._rows("add_users", campaign_no=campaign_no, users=rows_of(users))
        return {row["id"]: row["user_no"] for row in rows}

    def add_flows(self, campaign_no: int, flows: Sequence[Row]) -> list[Row]:
        """Flows, each player's at most one; a balance below zero is refused by its check."""
        return self._rows("add_flows", campaign_no=campaign_no, flows=rows_of(flows))

    def expire_orders(self, campaign_no: int, acts: Sequence[Row]) -> None:
        """Orders of players that have waited too long `at` an instant of their own, `user_no` once in a call."""
        self._run("expire_orders", campaign_no=campaign_no, acts=rows_of(acts))

    def accept_orders(self, campaign_no: int, orders: Sequence[Row]) -> list[Row]:
        """Orders, each player's at most one: what became of each."""
        return self._rows("accept_orders", campaign_no=campaign_no, orders=rows_of(orders))

    def add_tick(self, campaign_no: int, at: datetime, kind: str, window_at: datetime | None) -> None:
        """The tick itself; one of the same instant or scheduled window violates its key."""
        self._run("add_tick", campaign_no=campaign_no, at=at, kind=kind, window_at=window_at)

    def add_prices(self, at: datetime, prices: Sequence[Row]) -> list[int]:
        """Prices of a tick and those derived from them, with the step of the funding index: the tokens it holds."""
        return [row["token_no"] for row in self._rows("add_prices", at=at, prices=rows_of(prices))]

    def value_flows(self, campaign_no: int, at: datetime) -> int:
        """Flows and baselines that this tick prices; how many."""
        return int(self._value("value_flows", campaign_no=campaign_no, at=at))

    def liquidate(self, campaign_no: int, at: datetime, token_nos: Sequence[int], usdc_no: int | None) -> list[Row]:
        """Positions that this tick liquidates, settled."""
        return self._rows("liquidate", campaign_no=campaign_no, at=at, token_nos=list(token_nos), usdc_no=usdc_no)

    def settle_orders(
        self,
        campaign_no: int,
        at: datetime,
        *,
        token_nos: Sequence[int],
        usdc_no: int | None,
        swap_fee_bps: Decimal,
        perp_fee_bps: Decimal,
        user_no: int | None = None,
    ) -> list[Row]:
        """Orders that waited and are filled, refused or expired now, in the order of (accepted at, id)."""
        return self._rows(
            "settle_orders",
            campaign_no=campaign_no,
            at=at,
            token_nos=list(token_nos),
            usdc_no=usdc_no,
            swap_fee_bps=swap_fee_bps,
            perp_fee_bps=perp_fee_bps,
            user_no=user_no,
        )

    def end_tick(self, campaign_no: int, at: datetime, *, liquidated: int, filled: int) -> None:
        """What the tick came to; later orders come after it."""
        self._run("end_tick", campaign_no=campaign_no, at=at, liquidated=liquidated, filled=filled)
