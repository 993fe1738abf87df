"""What operations tells people of staffing: rules as data, each a statement."""

from __future__ import annotations

from typing import Final

from batch_platform.operations.alerts import Rule

RULES: Final[tuple[Rule, ...]] = ()
