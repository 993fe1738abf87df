"""What recurs in live campaigns, and which of it is still to be done."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from batch_platform.trading.store.statements import Row, TradingStatements


class Recurring(TradingStatements):
    """Over all live campaigns."""

    def missing_hours(self, until: datetime) -> list[datetime]:
        """Hours up to an instant that some campaign has no snapshot of, in order."""
        return [row["hour"] for row in self._rows("missing_hours", until=until)]

    def instants_of_hour(self, hour: datetime) -> list[Row]:
        """`campaign_no` and `name` of each one that is valued in an hour, `at` the hour, or the end before it.

        `players` have a baseline then; `is_taken` says whether it was done already.
        """
        return self._rows("instants_of_hour", hour=hour)

    def first_day(self) -> date | None:
        """The first day of the campaigns that have days to accrue; None without any."""
        day: date | None = self._value("first_day_of_all")
        return day

    def thinned_as_of(self, whole: timedelta) -> date | None:
        """The day that all campaigns have been thinned as of, the day before the first snapshot where one never was.

        None without snapshots. `whole`: how old snapshots are that thinning leaves whole.
        """
        day: date | None = self._value("thinned_as_of", whole=whole)
        return day
