"""What is done in Dagster's UI, by the names of the audit log and with the sentences that are read there.

What the console does as well, such as a schedule's start, stands in `operations.actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batch_platform.web.i18n import N_

SENTENCES: Final[Mapping[str, str]] = {
    "dagster-partition.add": N_("%(who)s adds the partition %(target)s in Dagster"),
    "dagster-backfill.cancel": N_("%(who)s cancels the backfill %(target)s in Dagster"),
    "dagster-backfill.launch": N_("%(who)s starts a backfill of %(target)s in Dagster"),
    "dagster-backfill.reexecute": N_("%(who)s starts the backfill once more in Dagster: %(target)s"),
    "dagster-backfill.resume": N_("%(who)s resumes the backfill %(target)s in Dagster"),
    "dagster-component.delete": N_("%(who)s deletes the component %(target)s in Dagster"),
    "dagster-component.refresh": N_("%(who)s refreshes the component %(target)s in Dagster"),
    "dagster-component.set": N_("%(who)s sets the component %(target)s in Dagster"),
    "dagster-pool.delete-limit": N_("%(who)s deletes the limit of the pool %(target)s in Dagster"),
    "dagster-pool.set-limit": N_("%(who)s sets the limit of the pool %(target)s in Dagster"),
    "dagster-partition.delete": N_("%(who)s deletes the partitions %(target)s in Dagster"),
    "dagster-run.delete": N_("%(who)s deletes the run %(target)s in Dagster"),
    "dagster-run.free-slots": N_("%(who)s frees the slots of the run %(target)s in Dagster"),
    "dagster-run.launch": N_("%(who)s starts a run of %(target)s in Dagster"),
    "dagster-run.reexecute": N_("%(who)s starts the run once more in Dagster: %(target)s"),
    "dagster-run.terminate": N_("%(who)s terminates the run %(target)s in Dagster"),
    "dagster-location.reload": N_("%(who)s reloads the code location %(target)s in Dagster"),
    "dagster-location.shut-down": N_("%(who)s shuts down the code location %(target)s in Dagster"),
    "dagster-workspace.reload": N_("%(who)s reloads the workspace %(target)s in Dagster"),
    "dagster-asset.report-check": N_("%(who)s reports a check of the asset %(target)s in Dagster"),
    "dagster-asset.report-event": N_("%(who)s reports an event of the asset %(target)s in Dagster"),
    "dagster-asset.report-materialization": N_(
        "%(who)s reports a materialization of the asset %(target)s in Dagster"
    ),
    "dagster-asset.report-observation": N_("%(who)s reports an observation of the asset %(target)s in Dagster"),
    "dagster-asset.wipe": N_("%(who)s wipes the asset %(target)s in Dagster"),
    "dagster-schedule.reset": N_("%(who)s resets the schedule %(target)s in Dagster"),
    "dagster-schedule.dry-run": N_("%(who)s tries the schedule %(target)s in Dagster"),
    "dagster-sensor.reset": N_("%(who)s resets the sensor %(target)s in Dagster"),
    "dagster-sensor.dry-run": N_("%(who)s tries the sensor %(target)s in Dagster"),
    "dagster-sensor.set-cursor": N_("%(who)s sets the cursor of the sensor %(target)s in Dagster"),
    "dagster-automation.set-paused": N_("%(who)s pauses or resumes automation in Dagster: %(target)s"),
}
