"""What the jobs of zengin take, and what they launch for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from batch_platform.operations.model import JobParameters, Launch
from batch_platform.web.i18n import N_
from batch_platform.zengin.model import business_day

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool


class SnapshotParameters(JobParameters):
    """What zengin-snapshot takes; nothing named: the drops of the business date."""

    source: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^s3://[^/]+/.+")] | None = Field(
        default=None, title=N_("Source"), description=N_("s3:// address of a release. Empty: the drops of the date.")
    )
    bootstrap: bool = Field(
        default=False, title=N_("Bootstrap"), description=N_("Fill an empty master from this release.")
    )


class LocalSnapshotParameters(SnapshotParameters):
    """As a command gives them, which reads on the machine of who types it: a path, too."""

    source: str | None = None


def plan_snapshot(_pool: Pool, parameters: SnapshotParameters, now: datetime) -> Launch:
    """One business date; a source may be named. Raises `InvalidInput`."""
    return _of_day("snapshot", parameters, now, source=parameters.source, bootstrap=parameters.bootstrap)


def plan_diff(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """One business date. Raises `InvalidInput`."""
    return _of_day("diff", parameters, now)


def plan_apply(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """One business date; a future one would apply before its day. Raises `InvalidInput`."""
    return _of_day("apply", parameters, now)


def _of_day(verb: str, parameters: JobParameters, now: datetime, **config: Any) -> Launch:
    day = business_day(parameters.target_date, now, field="targetDate").isoformat()
    job, tags = f"zengin_{verb}", {"zengin/date": day}
    if parameters.dry_run:
        return Launch.of_op(f"{job}_dry_run", f"rehearse_{verb}", tags=tags, date=day, **config)
    of_asset = Launch.of_op(job, f"zengin__{job}", **config).config if config else {}
    return Launch(job, partition=day, config=of_asset, tags=tags)
