"""What invoices have moved, for the dashboard."""

from __future__ import annotations

from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.movements import Movement

MOVEMENTS: Final = (
    Movement(
        Message("moved-invoices", "Invoices issued"),
        Message("unit-yen", "JPY"),
        load("batch_platform.staffing.sql")["moved"],
        "/console/staffing/invoices?state=issued",
        "staffing:read",
    ),
)
