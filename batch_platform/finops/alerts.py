"""What operations tells people of costs: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from batch_platform.core.sql import load
from batch_platform.finops.invariants import TYPES
from batch_platform.finops.service.poll import LATE_AFTER
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

_rule: Final = rules_of("finops", load("batch_platform.finops.sql"))

TOLD_FOR: Final = timedelta(days=7)
"""A restatement is never undone, so its incident ends after this long."""

PATIENCE: Final = timedelta(minutes=15)
"""A project that cannot be read for a reason that may pass is no news before."""

RULES: Final = (
    _rule(
        "finops-project-unreadable",
        Severity.CRITICAL,
        N_("it was read again, or is not looked at any more"),
        text=N_("project {project} cannot be read: {reason}"),
        patience=PATIENCE,
    ),
    _rule(
        "finops-month-restated",
        Severity.WARNING,
        N_("it was told for a week"),
        phrases={
            "month-redelivered": N_(
                "project {project}: AWS changed the final month {month} by {amount} {currency} (unblended)"
            ),
            "month-reconnected": N_(
                "project {project}: a changed connection changed the final month {month} by {amount} "
                "{currency} (unblended)"
            ),
        },
        told_for=TOLD_FOR,
    ),
    _rule(
        "finops-unknown-types",
        Severity.WARNING,
        N_("every line item type is known"),
        text=N_("project {project} {month}: {reason}"),
        check=TYPES,
    ),
    _rule(
        "finops-late-delivery",
        Severity.WARNING,
        N_("a delivery is published"),
        phrases={
            "nothing-published": N_("project {project}: nothing is published yet"),
            "last-delivery": N_("project {project}: the last delivery is of {at} UTC"),
        },
        late_after=LATE_AFTER,
    ),
    _rule(
        "finops-budget-exceeded",
        Severity.WARNING,
        N_("the newest month is within its budget"),
        text=N_("project {project} {month}: {spent} {currency} is spent of a budget of {budget} ({measure})"),
    ),
)
REMEDIES: Final = {
    "finops-project-unreadable": N_("Test the project's connection: within a minute after it is mended this ends."),
    "month-redelivered": N_("Look at the project's restatements; tell whoever has closed the books of that month."),
    "month-reconnected": N_("Look in the audit log who changed the connection, and at the project's restatements."),
    "finops-unknown-types": N_("Tell the developers: AWS has charges of a kind that the invariants do not know."),
    "nothing-published": N_(
        "Test the project's connection, and look at its files: none delivered, or some in error."
    ),
    "last-delivery": N_("Look at the report's delivery in AWS Billing, and test the project's connection."),
    "finops-budget-exceeded": N_("Look at the project's costs by service, and at its anomalies."),
    "month-waits": N_("Look at the project's files: mend what is at fault, then have them read again."),
    "cur-unexpected": N_(
        "This is a fault of the program or of the file: give the developers the run's id and its log."
    ),
    "file-broken": N_("Have AWS deliver the report again, then have the file read again."),
    "manifest-keeps-changing": N_("AWS is delivering at the moment: it passes by itself."),
}
"""What to look at."""
