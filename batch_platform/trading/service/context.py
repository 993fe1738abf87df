"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from dataclasses import dataclass

from batch_platform.core.clock import Clock
from batch_platform.core.ids import Ids, uuid7
from batch_platform.core.postgres import Pool
from batch_platform.trading.model import CAMPAIGN
from batch_platform.trading.store import PATIENCE, TradingStore


@dataclass(frozen=True)
class TradingContext:
    """The platform's database, and the clock that says when orders are accepted.

    `campaign` is the live competition, meant where none is named.
    """

    pool: Pool
    clock: Clock
    new_id: Ids = uuid7
    patience: int = PATIENCE
    campaign: str = CAMPAIGN

    @property
    def store(self) -> TradingStore:
        """Transactions on trading's tables."""
        return TradingStore(self.pool, patience=self.patience)
