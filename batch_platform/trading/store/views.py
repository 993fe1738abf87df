"""What pages show beside portfolios and boards."""

from __future__ import annotations

from datetime import datetime, timedelta

from batch_platform.trading.store.statements import Row, TradingStatements


class Views(TradingStatements):
    """Rows of a campaign, a player, a token, by their numbers."""

    def standing(self, user_no: int, at: datetime) -> Row | None:
        """A player's rank and profits at an instant; None for who is not on the board."""
        return next(iter(self._rows("standing", user_no=user_no, at=at)), None)

    def token_of_symbol(self, campaign_no: int, symbol: str) -> Row | None:
        """A token's number."""
        return next(iter(self._rows("token_of_symbol", campaign_no=campaign_no, symbol=symbol)), None)

    def price_points(self, token_no: int, since: datetime, until: datetime, bucket: timedelta) -> list[Row]:
        """Prices of (since, until], the newest of each bucket, in order."""
        return self._rows("price_points", token_no=token_no, since=since, until=until, bucket=bucket)

    def marks(self, user_no: int, token_no: int, since: datetime, until: datetime) -> list[Row]:
        """What happened to a player on a token: bought, sold, perp_open, perp_close, liquidated."""
        return self._rows("marks", user_no=user_no, token_no=token_no, since=since, until=until)

    def newest_funding_rate(self, token_no: int, at: datetime) -> Row | None:
        """The rate that holds at an instant."""
        return next(iter(self._rows("newest_funding_rate", token_no=token_no, at=at)), None)

    def newest_fetches(self, campaign_no: int, since: datetime) -> list[Row]:
        """The newest question to each source, and when it last gave a price."""
        return self._rows("newest_fetches", campaign_no=campaign_no, since=since)

    def newest_refusals(self, campaign_no: int, since: datetime, limit: int) -> list[Row]:
        """Refused prices, the newest first."""
        return self._rows("newest_refusals", campaign_no=campaign_no, since=since, limit=limit)

    def player_list(self, campaign_no: int, words: str, *, limit: int, offset: int) -> list[Row]:
        """Players by when they came, all or those whose name or wallet has the words."""
        quoted = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return self._rows(
            "player_list", campaign_no=campaign_no, words=words, pattern=f"%{quoted}%", limit=limit, offset=offset
        )
