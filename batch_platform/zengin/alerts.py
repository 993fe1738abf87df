"""What operations tells people of the bank master: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.zengin.sql")

RULES: Final = (
    Rule(
        "zengin-held",
        Severity.CRITICAL,
        _SQL["rule_held"],
        "it was overridden or rejected, or a newer release has been judged",
    ),
    Rule(
        "zengin-failed",
        Severity.WARNING,
        _SQL["rule_failed"],
        "they are to be applied again, were taken back, or a newer release has replaced them",
    ),
)
