"""What operations tells people of costs: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.finops.invariants import TYPES
from batch_platform.finops.service.poll import LATE_AFTER
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.finops.sql")

TOLD_FOR: Final = timedelta(days=7)
"""A restatement is never undone, so its incident ends after this long."""

RULES: Final = (
    Rule(
        "finops-month-restated",
        Severity.WARNING,
        _SQL["rule_month_restated"],
        "it was told for a week",
        parameters={"told_for": TOLD_FOR},
    ),
    Rule(
        "finops-unknown-types",
        Severity.WARNING,
        _SQL["rule_unknown_types"],
        "every line item type is known",
        parameters={"check": TYPES},
    ),
    Rule(
        "finops-late-delivery",
        Severity.WARNING,
        _SQL["rule_late_delivery"],
        "a delivery is published",
        parameters={"late_after": LATE_AFTER},
    ),
    Rule(
        "finops-budget-exceeded",
        Severity.WARNING,
        _SQL["rule_budget_exceeded"],
        "the newest month is within its budget",
    ),
)
