"""Positions that a tick liquidates: found by the engine's own statement, and by what can do with less."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from batch_platform.core.sql import load
from batch_platform.trading.model import Campaign
from batch_platform.trading.store import Session

_LIQUIDATE: Final = load("batch_platform.trading.sql")["liquidate"]
_SETTLES_FROM: Final = b"), liquidated AS ("


class Found:
    """The positions that a tick's prices liquidate, in the transaction that has them; `at` and `token_nos` of it."""

    def __init__(self, session: Session, tick: Mapping[str, Any]) -> None:
        self._connection = session.connection
        self._tick = tick
        self._order_nos = self.find()

    def find(self) -> list[int]:
        """By all of the engine's statement that stands before the first write."""
        head, cut, _ = _text(_LIQUIDATE).partition(_SETTLES_FROM)
        assert cut, "the statement has another shape"
        rows = self._connection.execute(head + _OF_MARKED, self._tick).fetchall()
        return [order_no for order_no, *_ in rows]

    def select(self) -> int:
        """The same rows by their keys."""
        return len(self._connection.execute(_BY_KEY, [self._order_nos]).fetchall())

    def prepare(self, campaign: Campaign) -> None:
        """What will be written for each, computed beforehand."""
        values = {"campaign_no": campaign.number, "usdc_no": campaign.usdc_no, "order_nos": self._order_nos}
        self._connection.execute(_OUTCOMES, {**self._tick, **values})
        self._connection.execute(b"ANALYZE outcomes")

    def write(self) -> None:
        """Positions changed and postings added, and nothing else."""
        self._connection.execute(_UPDATE, self._tick)
        self._connection.execute(_INSERT)


def _text(statement: Any) -> bytes:
    return statement if isinstance(statement, bytes) else statement.as_bytes(None)


_OF_MARKED: Final = b""")
SELECT m.order_no, p.*
FROM marked AS m JOIN perp_positions AS p USING (order_no)
WHERE 2 * m.max_leverage * m.equity <= m.notional
"""
_BY_KEY: Final = b"SELECT p.order_no, p.* FROM perp_positions AS p WHERE p.order_no = ANY (%s)"
_OUTCOMES: Final = b"""
    CREATE TEMPORARY TABLE outcomes ON COMMIT DROP AS
    SELECT p.order_no, p.user_no, p.collateral, 0.97 * p.entry_price AS exit_price, 0.0012 AS funding,
           0.4 * p.collateral AS equity, 0.3 * p.collateral AS penalty, 0.1 * p.collateral AS payout,
           %(campaign_no)s::integer AS campaign_no, %(usdc_no)s::integer AS token_no, %(at)s::timestamptz AS at
    FROM perp_positions AS p WHERE p.order_no = ANY (%(order_nos)s)
"""
_UPDATE: Final = b"""
    UPDATE perp_positions AS p
    SET status = 'liquidated', closed_at = %(at)s, exit_price = o.exit_price, funding = o.funding, equity = o.equity,
        penalty = o.penalty, payout = o.payout, bad_debt = 0
    FROM outcomes AS o WHERE p.order_no = o.order_no
"""
_INSERT: Final = b"""
    INSERT INTO postings (campaign_no, user_no, token_no, at, kind, order_no, wallet, margin, house)
    SELECT o.campaign_no, o.user_no, o.token_no, o.at, 'perp_liquidation', o.order_no, o.payout, -o.collateral,
           o.collateral - o.payout
    FROM outcomes AS o
"""
