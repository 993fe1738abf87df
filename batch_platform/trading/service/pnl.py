"""A player's profit over a period: the points of a chart and their summary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from batch_platform.trading import series
from batch_platform.trading.series import Period, Point
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.looking import look
from batch_platform.trading.service.portfolio import valued


@dataclass(frozen=True)
class Pnl:
    """The points of a period, the oldest first; none where there is neither a snapshot nor a value of now."""

    wallet_address: str
    period: Period
    at: datetime
    points: list[Point]


def pnl(context: TradingContext, campaign: str, wallet: str, period: Period, *, at: datetime | None = None) -> Pnl:
    """The series that ends at an instant, without one as of the newest facts. Raises `NotFound`.

    Without a snapshot in the window it is one point: what the player has at that instant is worth.
    """
    with context.store.snapshot() as session:
        seen = look(context, session, campaign, wallet, at)
        # before the baseline there is no snapshot
        since = max(seen.at - period.length, seen.player["baseline_at"] or seen.at)
        rows = session.series_rows(seen.campaign_no, seen.user_no, since=since, until=seen.at, bucket=period.bucket)
        points = series.points((series.Row(**row) for row in rows), period, seen.at)
        if not points:
            value = valued(session, seen).total
            points = [] if value is None else [Point(seen.at, value, Decimal(0), Decimal(0))]
    return Pnl(seen.player["wallet_address"], period, seen.at, points)
