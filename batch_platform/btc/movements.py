"""What batches have moved, for the dashboard."""

from __future__ import annotations

from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.movements import Movement

MOVEMENTS: Final = (
    Movement(
        Message("moved-btc", "BTC booked on balances, up or down"),
        Message("unit-btc", "BTC"),
        load("batch_platform.btc.sql")["moved"],
        "/console/admin/batch-operations",
        "batch:read",
    ),
)
