"""What the monitor tells people of the outbox, and its figures in /metrics."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, Rule
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.outbox.sql")

RULES: Final = (
    Rule(
        "outbox-backlog",
        Severity.WARNING,
        _SQL["rule_backlog"],
        "few notices wait again",
        parameters={"limit": BACKLOG},
    ),
    Rule("outbox-failed", Severity.WARNING, _SQL["rule_failed"], "its dead letters were sent"),
    Rule("outbox-undelivered", Severity.INFO, _SQL["rule_undelivered"], "a day went by in which all of them arrived"),
)
GAUGES: Final = (
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["queue_size"]),
    Gauge("batch_queue_oldest_seconds", "How long the oldest that waits is due.", "queue_name", _SQL["oldest_age"]),
    Gauge("batch_queue_dead_letters", "What was given up.", "queue_name", _SQL["dead_letters"]),
)
