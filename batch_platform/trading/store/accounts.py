"""What players of live campaigns have and wait for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from batch_platform.trading.store.statements import Row, TradingStatements, rows_of


class Accounts(TradingStatements):
    """Rows are as their tables have them."""

    def player(self, campaign_no: int, wallet: str) -> Row | None:
        """A player by wallet address."""
        return next(iter(self._rows("player", campaign_no=campaign_no, wallet=wallet)), None)

    def lock_player(self, campaign_no: int, wallet: str) -> Row | None:
        """The same, and nobody else acts for him until the end of the transaction."""
        return next(iter(self._rows("lock_player", campaign_no=campaign_no, wallet=wallet)), None)

    def order_of_key(self, user_no: int, request_key: str) -> Row | None:
        """The order that was made of a request."""
        return next(iter(self._rows("order_of_key", user_no=user_no, request_key=request_key)), None)

    def flow_of_key(self, user_no: int, request_key: str) -> Row | None:
        """The flow that was made of a request."""
        return next(iter(self._rows("flow_of_key", user_no=user_no, request_key=request_key)), None)

    def grants(self, campaign_no: int) -> dict[str, Decimal]:
        """What every player starts with, by symbol."""
        return {row["token"]: row["amount"] for row in self._rows("grants", campaign_no=campaign_no)}

    def set_grants(self, campaign_no: int, grants: Sequence[Row]) -> None:
        """Replace what every player starts with."""
        self._run("set_grants", campaign_no=campaign_no, grants=rows_of(grants))

    def without_grant(self, campaign_no: int) -> list[Row]:
        """Players who have not been given what every player starts with, locked."""
        return self._rows("without_grant", campaign_no=campaign_no)

    def see_player(self, user_no: int, now: datetime) -> None:
        """He is looking."""
        self._run("see_player", user_no=user_no, now=now)

    def set_status(self, campaign_no: int, wallet: str, status: str, now: datetime) -> bool:
        """Whether that changed anything."""
        return self._run("set_status", campaign_no=campaign_no, wallet=wallet, status=status, now=now) == 1

    def active_players(self, campaign_no: int, now: datetime) -> int:
        """Who looked within five minutes."""
        return int(self._value("active_players", campaign_no=campaign_no, now=now))

    def wish_prices(self, campaign_no: int, token_nos: Sequence[int], now: datetime) -> None:
        """Ask for fresh prices of these tokens; the worker hears of it at the commit."""
        self._run("wish_prices", campaign_no=campaign_no, token_nos=list(token_nos), now=now)

    def grant_wishes(self, token_nos: Sequence[int], at: datetime) -> None:
        """A tick at this instant held these tokens."""
        self._run("grant_wishes", token_nos=list(token_nos), at=at)

    def tick_of_window(self, campaign_no: int, window_at: datetime) -> Row | None:
        """The scheduled tick of ten minutes."""
        return next(iter(self._rows("tick_of_window", campaign_no=campaign_no, window_at=window_at)), None)

    def notional_usd(self, token_no: int, amount: Decimal) -> Decimal | None:
        """What an amount is worth at the newest price; None without one."""
        worth: Decimal | None = self._value("notional_usd", token_no=token_no, amount=amount)
        return worth

    def end_campaign(self, campaign_no: int, at: datetime) -> None:
        """From this instant on nothing is traded."""
        self._run("end_campaign", campaign_no=campaign_no, at=at)

    def end_orders(self, campaign_no: int, at: datetime) -> int:
        """Orders that still wait when a campaign ends expire; how many."""
        return int(self._value("end_orders", campaign_no=campaign_no, at=at))

    def tokens_of_order(self, order_no: int) -> list[int]:
        """Tokens whose prices an order waits for."""
        return [row["token_no"] for row in self._rows("tokens_of_order", order_no=order_no)]

    def order_by_no(self, order_no: int) -> Row:
        """An order that there is."""
        [order] = self._rows("order_by_no", order_no=order_no)
        return order
