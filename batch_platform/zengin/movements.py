"""What was applied to the bank master, for the dashboard."""

from __future__ import annotations

from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.movements import Movement

MOVEMENTS: Final = (
    Movement(
        Message("moved-bank-master", "Records applied to the bank master"),
        Message("unit-records", "records"),
        load("batch_platform.zengin.sql")["moved"],
        "/console/zengin/changesets",
        "zengin:read",
    ),
)
