"""What the monitor tells people of the outbox, and its figures in /metrics."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, rules_of
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.outbox.sql")
_rule: Final = rules_of("outbox", _SQL)

RULES: Final = (
    _rule("outbox-backlog", Severity.WARNING, "few notices wait again", limit=BACKLOG),
    _rule("outbox-failed", Severity.WARNING, "its dead letters were sent"),
    _rule("outbox-undelivered", Severity.INFO, "a day went by in which all of them arrived"),
)
GAUGES: Final = (
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["queue_size"]),
    Gauge("batch_queue_oldest_seconds", "How long the oldest that waits is due.", "queue_name", _SQL["oldest_age"]),
    Gauge("batch_queue_dead_letters", "What was given up.", "queue_name", _SQL["dead_letters"]),
)
