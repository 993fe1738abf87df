"""Everything that trading keeps: the tables of schema trading, and temporary ones in their place for a replay."""

from __future__ import annotations

from batch_platform.trading.store.postgres import PATIENCE as PATIENCE
from batch_platform.trading.store.postgres import Session as Session
from batch_platform.trading.store.postgres import TradingStore as TradingStore
