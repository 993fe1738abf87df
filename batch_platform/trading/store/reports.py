"""What has happened in a campaign in a span of time, [since, until), or stands at a day."""

from __future__ import annotations

from datetime import date, datetime

from batch_platform.trading.store.statements import Row, TradingStatements


class Reports(TradingStatements):
    """Rows in order of time, tokens by symbol."""

    def ticks_between(self, campaign_no: int, since: datetime, until: datetime) -> list[Row]:
        """Ticks, and how many tokens each holds."""
        return self._rows("ticks_between", campaign_no=campaign_no, since=since, until=until)

    def prices_between(self, campaign_no: int, since: datetime, until: datetime) -> list[Row]:
        """Accepted prices with the funding index after each, by token."""
        return self._rows("prices_between", campaign_no=campaign_no, since=since, until=until)

    def liquidations_between(self, campaign_no: int, since: datetime, until: datetime) -> list[Row]:
        """Positions that were liquidated."""
        return self._rows("liquidations_between", campaign_no=campaign_no, since=since, until=until)

    def interest_of_day(self, campaign_no: int, day: date) -> list[Row]:
        """The interest index of a day (percent a year, summed up) and the rate that the day before added."""
        return self._rows("interest_of_day", campaign_no=campaign_no, day=day)

    def lst_rates_of_day(self, campaign_no: int, day: date) -> list[Row]:
        """What liquid staking tokens are worth in their base on a day."""
        return self._rows("lst_rates_of_day", campaign_no=campaign_no, day=day)
