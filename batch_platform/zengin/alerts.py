"""What operations tells people of the bank master: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity

_rule: Final = rules_of("zengin", load("batch_platform.zengin.sql"))

RULES: Final = (
    _rule("zengin-held", Severity.CRITICAL, "it was overridden or rejected, or a newer release has been judged"),
    _rule(
        "zengin-failed",
        Severity.WARNING,
        "they are to be applied again, were taken back, or a newer release has replaced them",
    ),
)
