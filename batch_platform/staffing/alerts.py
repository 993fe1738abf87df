"""What operations tells people of staffing: rules and figures as data, each a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import BACKLOG, rules_of
from batch_platform.operations.gauges import Gauge
from batch_platform.operations.metrics import QUEUES
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

_SQL: Final = load("batch_platform.staffing.sql")
_rule: Final = rules_of("staffing", _SQL)

BACKUP_AGE: Final = timedelta(hours=26)
"""A night, and the time that its proof may take."""

RULES: Final = (
    _rule(
        "backup-old",
        Severity.CRITICAL,
        N_("a backup was verified"),
        text=N_("no backup was verified since {since} UTC"),
        phrases={"no-backup-verified": N_("no backup was ever verified")},
        age=BACKUP_AGE,
    ),
    _rule(
        "backup-faulty",
        Severity.CRITICAL,
        N_("it was proved after all, or is kept no more"),
        text=N_("the backup of {night} has faults: {faults}"),
    ),
    _rule(
        "backup-files-missing",
        Severity.WARNING,
        N_("all files were there at a later backup"),
        text=N_("{count} files named in staffing.files were not in the bucket on {night}"),
    ),
    _rule(
        "staffing-approaches-backlog",
        Severity.WARNING,
        N_("few periodic approaches are due again"),
        text=N_("{count} periodic approaches are due"),
        limit=BACKLOG,
    ),
    _rule(
        "staffing-approach-failed",
        Severity.WARNING,
        N_("its occurrences were delivered"),
        text=N_("approach {approach} has {count} occurrences that could not be delivered"),
    ),
    _rule(
        "maintenance-finding",
        Severity.WARNING,
        N_("a later run of the job has not found it any more"),
        text=N_("{kind} of {subject}: {what} ({remedy})"),
    ),
)
REMEDIES: Final = {
    "maintenance-finding": N_("Look at the findings of maintenance: each says what is to be done."),
    "backup-old": N_("Look at the last runs of the nightly backup, and at the room in its buckets."),
    "no-backup-verified": N_("Look at the last runs of the nightly backup, and at the room in its buckets."),
    "backup-faulty": N_("Do not rely on it: look at its faults, run the backup again, and keep the night before."),
    "backup-of-night-faulty": N_(
        "Do not rely on it: look at its faults, run the backup again, and keep the night before."
    ),
    "backup-files-missing": N_("Look which files are missing, and whether somebody has deleted them in the bucket."),
    "staffing-approaches-backlog": N_("Look whether the workers of approaches live, at the page of health."),
    "staffing-approach-failed": N_("Look at the approach's occurrences: each says why it was not delivered."),
    "month-failed": N_("Look at the month's invoices: each says what is missing; mend it, then run the job again."),
    "render-differs": N_("Do not send it: what was issued is what counts. Tell the developers."),
    "original-differs": N_("Do not send it: look who may write to the bucket of invoices."),
    "mail-server-silent": N_("Look at the mail server and at SMTP_URL; notices wait and are sent later."),
}
"""What to look at."""
GAUGES: Final = (
    Gauge("backup_verified_age_seconds", "How long ago a backup was last verified.", "job_name", _SQL["backup_age"]),
    Gauge(QUEUES.name, QUEUES.documentation, QUEUES.label, _SQL["approaches_waiting"]),
)
