"""What players are told, by the outbox, in the transaction of the fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from batch_platform.trading.store.statements import TradingStatements


class Notices(TradingStatements):
    """A fact that was told before is not told again."""

    def tell_orders(self, order_nos: Sequence[int], now: datetime) -> None:
        """Orders that no longer wait."""
        self._rows("tell_orders", order_nos=list(order_nos), now=now)

    def tell_liquidations(self, order_nos: Sequence[int], now: datetime) -> None:
        """Positions that were liquidated."""
        self._rows("tell_liquidations", order_nos=list(order_nos), now=now)

    def tell_end(self, campaign_no: int, now: datetime) -> None:
        """Everybody, of the end of a campaign."""
        self._rows("tell_end", campaign_no=campaign_no, now=now)

    def set_mails(self, user_no: int, now: datetime, *, mails: bool) -> bool:
        """Whether a player wants them by mail too; whether that changed anything."""
        return self._run("set_mails", user_no=user_no, now=now, mails=mails) == 1
