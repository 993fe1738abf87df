"""What operations tells people of prices: rules as data, each a statement over the live campaigns' tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity
from batch_platform.trading.cadence import GOOD_FOR

_rule: Final = rules_of("trading", load("batch_platform.trading.sql"))

PATIENCE: Final = GOOD_FOR
"""A source that fails for a shorter time harms nobody: the last prices still count."""
FUNDING_AGE: Final = timedelta(hours=24)
"""A rate of eight hours goes on to hold; so long it has not been looked at three times."""
_FORGOTTEN_AFTER: Final = timedelta(hours=24)

RULES: Final = (
    _rule(
        "trading-source-failing",
        Severity.WARNING,
        "it answers again, or is not asked any more",
        patience=PATIENCE,
        forgotten_after=_FORGOTTEN_AFTER,
    ),
    _rule("trading-price-missing", Severity.CRITICAL, "it has a price again, or nobody needs one", patience=PATIENCE),
    _rule("trading-funding-refused", Severity.WARNING, "it has a new rate"),
    _rule("trading-funding-old", Severity.CRITICAL, "it has a new rate", age=FUNDING_AGE),
)
