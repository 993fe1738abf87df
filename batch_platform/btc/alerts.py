"""What operations tells people of batches: rules as data, each a statement over their mirror in Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity

_rule: Final = rules_of("btc", load("batch_platform.btc.sql"))

GRACE: Final = timedelta(minutes=1)
"""A batch that is approved at once by whoever creates it is no news."""
PATIENCE: Final = timedelta(minutes=30)
"""A batch at work is saved every second, one that waits for a worker is asked for again every five minutes."""
TOLD_FOR: Final = timedelta(days=3)
"""What ended longer ago is no news, as in a mirror that is filled for the first time."""

_GONE: Final = "there is no such batch any more"
_ONCE: Final = "it is told once"

RULES: Final = (
    _rule("btc-waiting-approval", Severity.WARNING, _GONE, grace=GRACE, resolution="resolution_batch"),
    _rule("btc-failed", Severity.CRITICAL, _GONE, resolution="resolution_batch"),
    _rule("btc-stuck", Severity.WARNING, _GONE, patience=PATIENCE, resolution="resolution_batch"),
    _rule("btc-completed", Severity.INFO, _ONCE, told_for=TOLD_FOR, notice=True),
    _rule("btc-completed-with-failures", Severity.WARNING, _ONCE, told_for=TOLD_FOR, notice=True),
    # nothing was written and nothing is held, so there is nothing that could be mended later
    _rule("btc-plan-failed", Severity.WARNING, _ONCE, told_for=TOLD_FOR, notice=True),
)
