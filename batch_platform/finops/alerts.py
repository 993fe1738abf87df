"""What operations tells people of costs: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.finops.invariants import TYPES
from batch_platform.finops.service.poll import LATE_AFTER
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity

_rule: Final = rules_of("finops", load("batch_platform.finops.sql"))

TOLD_FOR: Final = timedelta(days=7)
"""A restatement is never undone, so its incident ends after this long."""

RULES: Final = (
    _rule("finops-month-restated", Severity.WARNING, "it was told for a week", told_for=TOLD_FOR),
    _rule("finops-unknown-types", Severity.WARNING, "every line item type is known", check=TYPES),
    _rule("finops-late-delivery", Severity.WARNING, "a delivery is published", late_after=LATE_AFTER),
    _rule("finops-budget-exceeded", Severity.WARNING, "the newest month is within its budget"),
)
