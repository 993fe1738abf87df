"""Campaigns and what is traded in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from batch_platform.trading.store.statements import Row, TradingStatements, rows_of


class Campaigns(TradingStatements):
    """Rows are as their tables have them."""

    def campaign(self, name: str) -> Row | None:
        """A campaign by its name."""
        return next(iter(self._rows("campaign", name=name)), None)

    def campaigns(self, kind: str | None = None) -> list[Row]:
        """Campaigns, the oldest first."""
        return self._rows("campaigns", kind=kind)

    def add_campaign(
        self,
        *,
        name: str,
        kind: str,
        swap_fee_bps: Decimal = Decimal(0),
        perp_fee_bps: Decimal = Decimal(0),
        max_trade_usd: Decimal | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> int | None:
        """The number of a new campaign; None where there is one of that name."""
        added = self._rows(
            "add_campaign",
            name=name,
            kind=kind,
            swap_fee_bps=swap_fee_bps,
            perp_fee_bps=perp_fee_bps,
            max_trade_usd=max_trade_usd,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        return int(added[0]["campaign_no"]) if added else None

    def lock(self, campaign_no: int) -> None:
        """Until the end of the transaction nobody else acts in the campaign."""
        self._rows("lock_campaign", campaign_no=campaign_no)

    def share(self, campaign_no: int) -> None:
        """Until the end of the transaction no tick happens in the campaign."""
        self._rows("share_campaign", campaign_no=campaign_no)

    def tokens(self, campaign_no: int) -> list[Row]:
        """Tokens with their pools: `lst_token_no` of a base token, `base_token_no` of a liquid staking one."""
        return self._rows("tokens", campaign_no=campaign_no)

    def add_tokens(self, campaign_no: int, tokens: Sequence[Row]) -> dict[str, int]:
        """Numbers of the tokens by symbol."""
        rows = self._rows("add_tokens", campaign_no=campaign_no, tokens=rows_of(tokens))
        return {row["symbol"]: row["token_no"] for row in rows}

    def add_pools(self, pools: Sequence[Row]) -> None:
        """Pools of liquid staking, by the numbers of their tokens."""
        self._run("add_pools", pools=rows_of(pools))

    def add_interest_rates(self, rates: Sequence[Row]) -> int:
        """How many were new."""
        return self._run("add_interest_rates", rates=rows_of(rates))

    def add_funding_rates(self, rates: Sequence[Row]) -> int:
        """How many were new."""
        return self._run("add_funding_rates", rates=rows_of(rates))
