"""What to look at when something failed: a text by the id of the message that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.core.messages import Message, from_plain, within
from batch_platform.web.i18n import N_

REMEDIES: Final[Mapping[str, str]] = {
    # AWS
    "role-not-assumable": N_(
        "Look at the trust policy of the {context}: its Principal must be the identity that this platform runs as, "
        "sts:ExternalId the external id that is registered here, and the twelve digits of the ARN the account of the "
        "reports. Then test the connection and run again once."
    ),
    "aws-access-denied": N_(
        "Look at the policies of the role or user in use: they must allow {operation} there; for an encrypted bucket "
        "its KMS key must too."
    ),
    "aws-credentials-expired": N_(
        "Renew the AWS credentials that this platform runs with, or let it run with a role, and run again."
    ),
    "aws-credentials-refused": N_(
        "Look at the AWS key pair that this platform runs with: it is wrong, disabled or of another partition."
    ),
    "no-aws-credentials": N_(
        "Give this platform AWS credentials: a role of the machine or task, or AWS_ACCESS_KEY_ID and its secret."
    ),
    "bucket-missing": N_("Look at the name and region of the bucket: it was deleted, renamed or never made."),
    "bucket-of-that-name-missing": N_(
        "Look at the name and region of the bucket {bucket}: it was deleted, renamed or never made."
    ),
    "object-missing": N_("Look whether it was deleted or moved; what AWS delivers is delivered again by AWS alone."),
    "aws-busy": N_(
        "AWS is throttled or failing: it passes by itself. If it lasts, look at AWS Health and the quotas."
    ),
    "aws-silent": N_("Look at the network, at the endpoint variables and at AWS Health."),
    "aws-connection-failed": N_("Look at the network between this platform and AWS; it often passes by itself."),
    "clock-skewed": N_("Set this machine's clock, and look why its time service does not."),
    # PostgreSQL and this machine
    "database-failed": N_("Look whether PostgreSQL runs and can be reached; what was going on is run again then."),
    "database-login-refused": N_("Look at user and password in DATABASE_URL, and at pg_hba.conf."),
    "database-connections-busy": N_("Look for statements that hang (pg_stat_activity), and at max_connections."),
    "database-disk-full": N_("Make room on the disk of PostgreSQL's data; then run again."),
    "tables-missing": N_(
        "Bring the database to this release: batch-platform provision, or the release's migrations."
    ),
    "disk-full": N_("Make room on this disk, or put TMPDIR on a larger one; then run again."),
    "memory-used-up": N_("Give the machine more memory, or run fewer jobs at once; then run again."),
    # Dagster
    "code-server-silent": N_("Look at the code server's process and log; it may be starting again."),
    "dagster-database-silent": N_("Look whether PostgreSQL runs and can be reached (DAGSTER_POSTGRES_URL)."),
    "run-too-long": N_("Look where the run hung, by the last lines of its log; then run it again."),
    "run-not-started": N_("Look at the daemon's log and at the memory of this machine; then run it again."),
    "run-ended-outside": N_(
        "It was killed or stopped: look at the machine's memory and restarts. What was written stays; run it again."
    ),
    "blocking-checks-failed": N_(
        "Look at the checks' results in Dagster: nothing was published of what they refuse."
    ),
    "unexpected-error": N_("This is a fault of the program: give the developers the run's id and its log."),
    # rules
    "long-run": N_("Look at the run's newest log lines; cancel it if nothing moves."),
    "queue-backlog": N_("Look at the health of the daemon, and for one job or backfill that fills the queue."),
    "schedule-stopped": N_("Look in the audit log who switched it off and why; switch it on at the job's page."),
    "sensor-stopped": N_("Look in the audit log who switched it off and why; switch it on at the job's page."),
    "trigger-off": N_("Look in the audit log who switched it off and why; switch it on at the job's page."),
    "missed-run": N_("Run the job by hand for that day, and look at the health of the daemon and the code server."),
    "pause-not-caught-up": N_("Run the job by hand for that moment."),
    "component-never-seen": N_("Start it, or look why it does not start: its log says so."),
    "component-silent": N_("Look whether its process runs, and at its log."),
    "bad-calendar": N_("Look at the job's cron expression and time zone in its settings."),
    "sensor-lag": N_("Look at the health of the daemon, and at the sensor's ticks in Dagster."),
    "sensor-failing": N_("Look at the sensor's ticks in Dagster: each says what failed."),
    "sensor-stopped-lag": N_("Look in the audit log who switched it off and why; switch it on at the job's page."),
}
"""Of what every domain meets; a domain has its own of what it alone can fail of."""


def remedies_of(text: str | None, known: Mapping[str, str]) -> list[Message]:
    """What to look at, of the message and of those that stand in its places; nothing of a text that is no message."""
    if not isinstance(text, Message):
        return []
    remedies = (
        from_plain({"id": f"{message.id}-remedy", "text": known[message.id], "parameters": message.parameters})
        for message in within(text)
        if message.id in known
    )
    return list(dict.fromkeys(remedies))
