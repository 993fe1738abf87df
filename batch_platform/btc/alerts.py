"""What operations tells people of batches: rules as data, each a statement over their mirror in Postgres."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import Rule
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.btc.sql")

GRACE: Final = timedelta(minutes=1)
"""A batch that is approved at once by whoever creates it is no news."""
PATIENCE: Final = timedelta(minutes=30)
"""A batch at work is saved every second, one that waits for a worker is asked for again every five minutes."""
TOLD_FOR: Final = timedelta(days=3)
"""What ended longer ago is no news, as in a mirror that is filled for the first time."""

_GONE: Final = "there is no such batch any more"
_ONCE: Final = "it is told once"

RULES: Final = (
    Rule(
        "btc-waiting-approval",
        Severity.WARNING,
        _SQL["rule_waiting_approval"],
        _GONE,
        parameters={"grace": GRACE},
        resolution=_SQL["resolution_batch"],
    ),
    Rule("btc-failed", Severity.CRITICAL, _SQL["rule_failed"], _GONE, resolution=_SQL["resolution_batch"]),
    Rule(
        "btc-stuck",
        Severity.WARNING,
        _SQL["rule_stuck"],
        _GONE,
        parameters={"patience": PATIENCE},
        resolution=_SQL["resolution_batch"],
    ),
    Rule(
        "btc-completed",
        Severity.INFO,
        _SQL["notice_completed"],
        _ONCE,
        parameters={"told_for": TOLD_FOR},
        notice=True,
    ),
    Rule(
        "btc-completed-with-failures",
        Severity.WARNING,
        _SQL["notice_completed_with_failures"],
        _ONCE,
        parameters={"told_for": TOLD_FOR},
        notice=True,
    ),
    # nothing was written and nothing is held, so there is nothing that could be mended later
    Rule(
        "btc-plan-failed",
        Severity.WARNING,
        _SQL["notice_plan_failed"],
        _ONCE,
        parameters={"told_for": TOLD_FOR},
        notice=True,
    ),
)
