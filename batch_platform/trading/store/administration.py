"""What administrators set."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from batch_platform.trading.store.statements import TradingStatements


class Administration(TradingStatements):
    """What is None stays as it is."""

    def change_campaign(
        self,
        campaign_no: int,
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        swap_fee_bps: Decimal | None = None,
        perp_fee_bps: Decimal | None = None,
        max_trade_usd: Decimal | None = None,
    ) -> None:
        """Its time, fees and limit."""
        self._run(
            "change_campaign",
            campaign_no=campaign_no,
            starts_at=starts_at,
            ends_at=ends_at,
            swap_fee_bps=swap_fee_bps,
            perp_fee_bps=perp_fee_bps,
            max_trade_usd=max_trade_usd,
        )

    def has_orders(self, campaign_no: int) -> bool:
        """Whether anybody has traded, or tried to."""
        return bool(self._value("has_orders", campaign_no=campaign_no))

    def is_asked_for(self, campaign_no: int, symbol: str, kind: str | None = None) -> bool:
        """Whether an order, of a kind or any, has named a token, be it one that was refused."""
        return bool(self._value("is_asked_for", campaign_no=campaign_no, symbol=symbol, kind=kind))

    def change_token(
        self, token_no: int, *, name: str | None, icon_url: str | None, perp_max_leverage: int | None
    ) -> None:
        """What people see of it, and its highest leverage."""
        self._run(
            "change_token", token_no=token_no, name=name, icon_url=icon_url, perp_max_leverage=perp_max_leverage
        )
