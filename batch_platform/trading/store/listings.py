"""What is traded, at which prices and rates, and in which campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from batch_platform.trading.store.statements import Row, TradingStatements


class Listings(TradingStatements):
    """Whole lists: they are short."""

    def token_list(self, campaign_no: int, addresses: Sequence[str] | None = None) -> list[Row]:
        """Tokens, of these addresses or all, with their newest prices."""
        return self._rows(
            "token_list", campaign_no=campaign_no, addresses=None if addresses is None else list(addresses)
        )

    def rate_list(self, campaign_no: int) -> list[Row]:
        """Yearly rates of staking and liquid staking in percent, each from a day on."""
        return self._rows("rate_list", campaign_no=campaign_no)

    def funding_rate_list(self, campaign_no: int) -> list[Row]:
        """Funding rates of eight hours, each from an instant on."""
        return self._rows("funding_rate_list", campaign_no=campaign_no)

    def pool_list(self, campaign_no: int, today: date) -> list[Row]:
        """Pools of liquid staking with their newest rates."""
        return self._rows("pool_list", campaign_no=campaign_no, today=today)

    def campaign_list(self) -> list[Row]:
        """Campaigns with how many play, the oldest first."""
        return self._rows("campaign_list")
