"""Portfolios at an instant, and the boards made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from psycopg import sql

from batch_platform.trading.store.statements import Row, TradingStatements

# until the end of the transaction: the values of all players are added up at once
_MEMORY: Final = "SELECT set_config('work_mem', '128MB', true)"


class Snapshots(TradingStatements):
    """Rows are as their tables have them, users and tokens by what people call them."""

    def make_partition(self, day: date) -> None:
        """The partition of a UTC day."""
        if not self._value("missing_partition", day=day):
            return
        self._rows("lock_partitions")
        begin = datetime.combine(day, time(), UTC)
        statement = self._sql["make_partition"].format(
            partition=sql.Identifier("trading", f"portfolio_snapshots_{day:%Y%m%d}"),
            begin=sql.Literal(begin),
            end=sql.Literal(begin + timedelta(days=1)),
        )
        self.connection.execute(statement)

    def take_snapshot(self, campaign_no: int, at: datetime, usdc_no: int | None) -> Row:
        """Value every player who has a baseline; how many are `complete` and `incomplete`, and `players`."""
        self.connection.execute(_MEMORY)
        self._run("begin_snapshot", campaign_no=campaign_no, at=at)
        self._run("clear_snapshot", campaign_no=campaign_no, at=at)
        [counts] = self._rows("take_snapshot", campaign_no=campaign_no, at=at, usdc_no=usdc_no)
        return counts

    def newest_instant(self, campaign_no: int) -> datetime | None:
        """Of the newest snapshot."""
        instant: datetime | None = self._value("newest_instant", campaign_no=campaign_no)
        return instant

    def has_instant(self, campaign_no: int, at: datetime) -> bool:
        """Whether portfolios were valued at an instant."""
        return bool(self._value("has_instant", campaign_no=campaign_no, at=at))

    def instants(self, campaign_no: int, since: datetime | None = None) -> list[datetime]:
        """All that portfolios were valued at, in order."""
        return [row["at"] for row in self._rows("instants", campaign_no=campaign_no, since=since)]

    def snapshots(self, campaign_no: int, at: datetime | None = None) -> list[Row]:
        """Rows of an instant, or all, by (at, user)."""
        return self._rows("snapshots_at", campaign_no=campaign_no, at=at)

    def incomplete(self, campaign_no: int, at: datetime | None = None) -> list[Row]:
        """Players who could not be valued, by (at, user)."""
        return self._rows("incomplete_at", campaign_no=campaign_no, at=at)

    def ranked(self, campaign_no: int, at: datetime, *, limit: int | None = None, offset: int = 0) -> list[Row]:
        """The board of an instant."""
        return self._rows("ranked", campaign_no=campaign_no, at=at, limit=limit, offset=offset)

    def unranked(self, campaign_no: int, at: datetime) -> list[Row]:
        """Who is not on it, and why."""
        return self._rows("unranked", campaign_no=campaign_no, at=at)
