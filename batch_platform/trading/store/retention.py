"""Thinning of the history of portfolios."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from psycopg import sql

from batch_platform.trading.instants import day_start
from batch_platform.trading.store.statements import TradingStatements


class Retention(TradingStatements):
    """By UTC days, each in a partition of its own."""

    def lock_history(self, campaign_no: int) -> None:
        """Until the end of the transaction nobody else writes or thins snapshots of the past."""
        self._rows("lock_history", campaign_no=campaign_no)

    def thin_day(self, campaign_no: int, day: date, bucket: timedelta) -> int:
        """Only each player's newest row of a bucket stays, and why he had none since; how many rows went."""
        return self._run("thin_day", campaign_no=campaign_no, **_day(day), bucket=bucket)

    def surplus_of_day(self, campaign_no: int, day: date, bucket: timedelta) -> int:
        """How many rows `thin_day` would take away."""
        return int(self._value("surplus_of_day", campaign_no=campaign_no, **_day(day), bucket=bucket))

    def clear_looks(self, campaign_no: int, before: datetime) -> int:
        """What the sources answered before this instant, and what was refused of it; how many looks."""
        cleared = self._run("clear_looks", campaign_no=campaign_no, before=before)
        self._run("clear_refusals", campaign_no=campaign_no, before=before)
        return cleared

    def old_looks(self, campaign_no: int, before: datetime) -> int:
        """How many looks `clear_looks` would take away."""
        return int(self._value("old_looks", campaign_no=campaign_no, before=before))

    def mark_thinned(self, campaign_no: int, before: datetime) -> None:
        """Snapshots before this instant have been thinned."""
        self._run("mark_thinned", campaign_no=campaign_no, before=before)

    def empty_partitions(self, before: date) -> list[str]:
        """Partitions of days before this one that hold nothing; until the end nobody makes or drops any."""
        self._rows("lock_partitions")
        names = [row["name"] for row in self._rows("day_partitions", before=before)]
        return [name for name in names if self._is_empty(_partition(name))]

    def drop_if_empty(self, name: str) -> bool:
        """A partition goes unless somebody has written into it since, or dropped it."""
        partition = _partition(name)
        self.connection.execute("SET LOCAL lock_timeout = '5s'")
        self._rows("lock_partitions")
        if not self._value("is_partition", name=f"trading.{name}"):
            return False
        self.connection.execute(self._sql["lock_partition"].format(partition=partition))
        if not self._is_empty(partition):
            return False
        self.connection.execute(self._sql["drop_partition"].format(partition=partition))
        return True

    def _is_empty(self, partition: sql.Identifier) -> bool:
        [[is_empty]] = self.connection.execute(self._sql["is_partition_empty"].format(partition=partition)).fetchall()
        return bool(is_empty)


def _partition(name: str) -> sql.Identifier:
    return sql.Identifier("trading", name)


def _day(day: date) -> dict[str, datetime]:
    return {"begin": day_start(day), "end": day_start(day + timedelta(days=1))}
