"""Charts of the competition: specs that carry every digit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from batch_platform.trading.amounts import plain
from batch_platform.trading.series import Point
from batch_platform.trading.service.overview import TokenHistory
from batch_platform.trading.valuation import Worth
from batch_platform.trading.web import words
from batch_platform.web.formats import in_japan
from batch_platform.web.i18n import gettext as _

SHARES: Final = 8
"""Parts of a portfolio with a colour of their own; more cannot be told apart."""


def allocation(worth: Worth) -> dict[str, Any] | None:
    """What a portfolio is made of, in USD: its tokens, interest, and positions; None where nothing has a value."""
    interest = [investment.interest_usd for investment in worth.investments]
    positions = [position.value_usd for position in worth.perp_positions]
    parts = [(row.token, row.value_usd) for row in worth.tokens]
    parts += [(_("Interest"), _sum(interest)), (_("Perpetual positions"), _sum(positions))]
    shares = sorted(((name, value) for name, value in parts if value), key=lambda part: (-part[1], part[0]))
    if not shares:
        return None
    if len(shares) > SHARES + 1:
        shares = [*shares[:SHARES], (_("Others"), _sum([value for _name, value in shares[SHARES:]]))]
    return {
        "kind": "doughnut",
        "x": [name for name, _value in shares],
        "series": [{"name": _("Value"), "values": [plain(value) for _name, value in shares]}],
        "unit": "USD",
    }


def pnl(points: Sequence[Point]) -> dict[str, Any] | None:
    """Profit against the first point of the period; None where there is none."""
    if not points:
        return None
    return {
        "kind": "lines",
        "x": [_moment(point.at) for point in points],
        "series": [{"name": _("PnL"), "values": [plain(point.pnl) for point in points]}],
        "unit": "USD",
    }


def prices(history: TokenHistory) -> dict[str, Any] | None:
    """Prices, and what happened to a player at them, each kind by its own mark; None where there is no price."""
    if not history.points:
        return None
    moments = [row["at"] for row in history.points]
    known = [plain(row["price_usd"]) for row in history.points]
    series: list[dict[str, Any]] = [{"name": _("Price"), "values": known}]
    for kind, name in words.MARKS.items():
        at = {_nearest(moments, row["at"]) for row in history.marks if row["kind"] == kind}
        if at:
            values = [price if place in at else None for place, price in enumerate(known)]
            series.append({"name": _(name), "values": values, "style": "points" if kind == "liquidated" else "marks"})
    return {"kind": "lines", "x": list(map(_moment, moments)), "series": series, "unit": "USD"}


def _nearest(moments: Sequence[datetime], at: datetime) -> int:
    """The first point that is not before it: the price of its bucket."""
    return min(bisect_left(moments, at), len(moments) - 1)


def _sum(values: Sequence[Decimal | None]) -> Decimal:
    return sum((value for value in values if value is not None), Decimal(0))


def _moment(at: datetime) -> str:
    return in_japan(at)
