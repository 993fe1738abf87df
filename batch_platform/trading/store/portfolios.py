"""What one player has, had, and did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from batch_platform.trading.series import BUCKETS_SINCE
from batch_platform.trading.store.statements import Row, TradingStatements


class Portfolios(TradingStatements):
    """Rows of one player, by the number of the user."""

    def player_in(self, campaign: str, wallet: str) -> Row | None:
        """A campaign by its name, and its player of a wallet: columns of `user` are None where there is none."""
        return next(iter(self._rows("player_in", name=campaign, wallet=wallet)), None)

    def flowed(self, user_no: int, at: datetime) -> Row:
        """`net_flows_usd` since the baseline, and `is_valued` where no flow still waits for prices."""
        [row] = self._rows("flowed", user_no=user_no, at=at)
        return row

    def holdings(self, campaign_no: int, user_no: int, at: datetime) -> list[Row]:
        """Tokens of which there is any at an instant, each with its newest price by then."""
        return self._rows("holdings", campaign_no=campaign_no, user_no=user_no, at=at)

    def stakes(self, user_no: int, at: datetime) -> list[Row]:
        """Investments that run at an instant."""
        return self._rows("stakes", user_no=user_no, at=at)

    def open_positions(self, user_no: int, at: datetime) -> list[Row]:
        """Positions that are open at an instant, each with the newest price and funding index by then."""
        return self._rows("open_positions", user_no=user_no, at=at)

    def series_rows(
        self, campaign_no: int, user_no: int, *, since: datetime, until: datetime, bucket: timedelta
    ) -> list[Row]:
        """Snapshots of a window: the first one, and the newest of each bucket."""
        first_bucket = since - (since - BUCKETS_SINCE) % bucket
        window = {"since": since, "until": until, "bucket": bucket, "first_bucket": first_bucket}
        buckets = self._rows("series_buckets", campaign_no=campaign_no, user_no=user_no, **window)
        instants = [part["newest"] for part in buckets]
        rows = {row["at"]: row for row in self._rows("series_rows", user_no=user_no, instants=instants)}
        # where the row of that instant has been thinned, an older one of the bucket may be left
        thinned = [part for part in buckets if part["newest"] not in rows]
        older = [self._rows("newest_between", user_no=user_no, **part) for part in thinned]
        oldest = (self._rows("oldest_between", user_no=user_no, **part) for part in buckets)
        for picked in (*older, next(filter(None, oldest), [])):
            rows |= {row["at"]: row for row in picked}
        return list(rows.values())

    def transactions(
        self, user_no: int, *, kind: str | None, before: Mapping[str, Any], limit: int, offset: int
    ) -> list[Row]:
        """What happened to a player, the newest first; `before` is the place of a page's last row, or nothing."""
        place = {"at": None, "number": None, "kind_before": None, **before}
        return self._rows("transactions", user_no=user_no, kind=kind, limit=limit, offset=offset, **place)

    def count_transactions(self, user_no: int, kind: str | None) -> int:
        """Of all pages."""
        return int(self._value("count_transactions", user_no=user_no, kind=kind))

    def withdrawn(self, user_no: int) -> list[Row]:
        """Investments that have ended."""
        return self._rows("withdrawn", user_no=user_no)

    def orders(
        self, user_no: int, *, status: str | None, before: Mapping[str, Any], limit: int, offset: int
    ) -> list[Row]:
        """A player's orders, the newest first."""
        place = {"at": None, "number": None, **before}
        return self._rows("orders", user_no=user_no, status=status, limit=limit, offset=offset, **place)

    def count_orders(self, user_no: int, status: str | None) -> int:
        """Of all pages."""
        return int(self._value("count_orders", user_no=user_no, status=status))

    def order(self, campaign: str, order_id: str) -> Row | None:
        """An order by its id, with the wallet of its player."""
        return next(iter(self._rows("order", name=campaign, id=order_id)), None)
