"""What operations tells people of the bank master: rules as data, each a statement that names what is wrong now."""

from __future__ import annotations

from typing import Final

from batch_platform.core.sql import load
from batch_platform.operations.alerts import rules_of
from batch_platform.operations.model import Severity
from batch_platform.web.i18n import N_

_rule: Final = rules_of("zengin", load("batch_platform.zengin.sql"))

RULES: Final = (
    _rule(
        "zengin-held",
        Severity.CRITICAL,
        N_("it was overridden or rejected, or a newer release has been judged"),
        text=N_("the release of {date} is held ({kind}): {reason}"),
    ),
    _rule(
        "zengin-failed",
        Severity.WARNING,
        N_("they are to be applied again, were taken back, or a newer release has replaced them"),
        text=N_("approved changes of {changeset} could not be applied: {records} failed"),
        phrases={"one-record": N_("1 record"), "several-records": N_("{count} records")},
    ),
)
REMEDIES: Final = {
    "zengin-held": N_("Compare the release with the bank master: override it with a reason, or reject it."),
    "zengin-failed": N_(
        "Open the changeset: compare each failed record with its row, then try again or take it back."
    ),
    "release-not-fetched": N_("Look at the network and the registry, and whether the release exists."),
    "rows-not-written": N_("Somebody has changed the rows meanwhile: compare them anew; nothing of it was applied."),
    "archive-broken": N_("Fetch the release again; nothing of it was read."),
}
"""What to look at."""
