"""What operations tells people of prices: rules as data, each a statement over the live campaigns' tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity
from batch_platform.trading.cadence import GOOD_FOR

_SQL: Final = load("batch_platform.trading.sql")

PATIENCE: Final = GOOD_FOR
"""A source that fails for a shorter time harms nobody: the last prices still count."""
FUNDING_AGE: Final = timedelta(hours=24)
"""A rate of eight hours goes on to hold; so long it has not been looked at three times."""
_FORGOTTEN_AFTER: Final = timedelta(hours=24)

RULES: Final = (
    Rule(
        "trading-source-failing",
        Severity.WARNING,
        _SQL["rule_source_failing"],
        "it answers again, or is not asked any more",
        parameters={"patience": PATIENCE, "forgotten_after": _FORGOTTEN_AFTER},
    ),
    Rule(
        "trading-price-missing",
        Severity.CRITICAL,
        _SQL["rule_price_missing"],
        "it has a price again, or nobody needs one",
        parameters={"patience": PATIENCE},
    ),
    Rule(
        "trading-funding-refused",
        Severity.WARNING,
        _SQL["rule_funding_refused"],
        "it has a new rate",
    ),
    Rule(
        "trading-funding-old",
        Severity.CRITICAL,
        _SQL["rule_funding_old"],
        "it has a new rate",
        parameters={"age": FUNDING_AGE},
    ),
)
