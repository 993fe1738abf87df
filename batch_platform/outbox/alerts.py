"""What the monitor tells people of the outbox, and its figures in /metrics."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, rules_of
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

_SQL: Final = load("batch_platform.outbox.sql")
_rule: Final = rules_of("outbox", _SQL)

RULES: Final = (
    _rule(
        "outbox-backlog",
        Severity.WARNING,
        N_("few notices wait again"),
        text=N_("{count} notices wait to be sent"),
        limit=BACKLOG,
    ),
    _rule(
        "outbox-failed",
        Severity.WARNING,
        N_("its dead letters were sent"),
        text=N_("notices of {domain} could not be sent: {letters}"),
        phrases={"one-letter": N_("1 dead letter"), "several-letters": N_("{count} dead letters")},
    ),
    _rule(
        "outbox-undelivered",
        Severity.INFO,
        N_("a day went by in which all of them arrived"),
        text=N_("notices of {domain} that did not arrive within 24 hours: {count}"),
    ),
)
REMEDIES: Final = {
    "outbox-backlog": N_("Look whether the workers of the outbox live, and whether mail server and SMS answer."),
    "outbox-failed": N_("Look at the failed notices: each says why; mend that, then send them once more."),
    "outbox-undelivered": N_("Look at the bounced notices: ask whom they were meant for by another way."),
}
"""What to look at."""
GAUGES: Final = (
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["queue_size"]),
    Gauge("batch_queue_oldest_seconds", "How long the oldest that waits is due.", "queue_name", _SQL["oldest_age"]),
    Gauge("batch_queue_dead_letters", "What was given up.", "queue_name", _SQL["dead_letters"]),
)
