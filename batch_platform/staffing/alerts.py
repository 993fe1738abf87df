"""What operations tells people of staffing: rules and figures as data, each a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, rules_of
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.staffing.sql")
_rule: Final = rules_of("staffing", _SQL)

BACKUP_AGE: Final = timedelta(hours=26)
"""A night, and the time that its proof may take."""

RULES: Final = (
    _rule("backup-old", Severity.CRITICAL, "a backup was verified", age=BACKUP_AGE),
    _rule("backup-faulty", Severity.CRITICAL, "it was proved after all, or is kept no more"),
    _rule("backup-files-missing", Severity.WARNING, "all files were there at a later backup"),
    _rule("staffing-approaches-backlog", Severity.WARNING, "few periodic approaches are due again", limit=BACKLOG),
    _rule("staffing-approach-failed", Severity.WARNING, "its occurrences were delivered"),
    _rule("maintenance-finding", Severity.WARNING, "a later run of the job has not found it any more"),
)
GAUGES: Final = (
    Gauge("backup_verified_age_seconds", "How long ago a backup was last verified.", "job_name", _SQL["backup_age"]),
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["approaches_waiting"]),
)
