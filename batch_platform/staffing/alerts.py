"""What operations tells people of staffing: rules and figures as data, each a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, Rule
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity

_SQL: Final = load("batch_platform.staffing.sql")

BACKUP_AGE: Final = timedelta(hours=26)
"""A night, and the time that its proof may take."""

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "backup-old",
        Severity.CRITICAL,
        _SQL["rule_backup_old"],
        "a backup was verified",
        parameters={"age": BACKUP_AGE},
    ),
    Rule(
        "backup-faulty",
        Severity.CRITICAL,
        _SQL["rule_backup_faulty"],
        "it was proved after all, or is kept no more",
    ),
    Rule(
        "backup-files-missing",
        Severity.WARNING,
        _SQL["rule_backup_files_missing"],
        "all files were there at a later backup",
    ),
    Rule(
        "staffing-approaches-backlog",
        Severity.WARNING,
        _SQL["rule_approaches_waiting"],
        "few periodic approaches are due again",
        parameters={"limit": BACKLOG},
    ),
    Rule(
        "staffing-approach-failed",
        Severity.WARNING,
        _SQL["rule_approaches_failed"],
        "its occurrences were delivered",
    ),
    Rule(
        "maintenance-finding",
        Severity.WARNING,
        _SQL["rule_maintenance_finding"],
        "a later run of the job has not found it any more",
    ),
)
GAUGES: Final = (
    Gauge("backup_verified_age_seconds", "How long ago a backup was last verified.", "job_name", _SQL["backup_age"]),
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["approaches_waiting"]),
)
