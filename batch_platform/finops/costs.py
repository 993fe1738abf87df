"""What AWS costs, for the dashboard."""

from __future__ import annotations

from typing import Final

from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.operations.costs import Costs

COSTS: Final = (
    Costs(
        Message("costs-aws", "Costs of AWS (unblended)"),
        load("batch_platform.finops.sql")["newest_costs"],
        path="/console/costs",
        source="/console/projects",
        reads="finops:read",
    ),
)
