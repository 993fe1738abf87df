"""The jobs of finops as operations knows them: what they take, what they launch, when they are due."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.dagster.partitions import PROJECTS, partition_key
from batch_platform.finops.months import month_start
from batch_platform.finops.service.fetch import oldest_polled
from batch_platform.finops.settings import FinopsSettings
from batch_platform.finops.store import FinopsStore
from batch_platform.operations.model import Job, JobParameters, Launch, Schedule, Sensor
from batch_platform.web.api.strict import Month
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.settings import Settings

FIRST_MONTH: Final = date(2016, 1, 1)
"""The first partition."""

FILES_AT_MOST: Final = 100


OptionalProject = Annotated[str, Field(min_length=1, max_length=63)] | None


class FetchParameters(JobParameters):
    """What cur-fetch takes: nothing named is every enabled project and every polled month."""

    project_id: OptionalProject = Field(
        default=None, title=N_("Project"), description=N_("Empty: every enabled project.")
    )
    since: Month | None = Field(
        default=None, title=N_("Since month"), description=N_("Months older than the last 13, from this one on.")
    )


class AggregateParameters(JobParameters):
    """What cur-aggregate takes; `limit` is how many files it claims at most."""

    project_id: OptionalProject = Field(
        default=None, title=N_("Project"), description=N_("Empty: every enabled project.")
    )

    limit: int = Field(default=FILES_AT_MOST, ge=1, le=10_000, title=N_("Files at most"))


def build_jobs(settings: Settings) -> tuple[Job, ...]:
    """`cur-fetch` and `cur-aggregate`, due by the spec's schedules when these are on, else by the sensor."""
    sensor = Sensor("cur_manifest_sensor", every=timedelta(seconds=30))
    own = settings.of(FinopsSettings)
    scheduled = own.scheduler_enabled
    return (
        Job(
            id="CUR_001",
            name="cur-fetch",
            title=N_("Fetch cost reports"),
            description=N_("Registers what AWS delivered: manifests and their files, by project and month."),
            domain="finops",
            owner="team:finops",
            dagster_jobs=("cur_fetch", "cur_fetch_all"),
            plan=plan_fetch,
            parameters=FetchParameters,
            permission="finops:operate",
            trigger=Schedule("cur_fetch_schedule", own.fetch_cron) if scheduled else sensor,
            max_duration=timedelta(minutes=30),
            deadline=timedelta(minutes=10),
        ),
        Job(
            id="CUR_002",
            name="cur-aggregate",
            title=N_("Aggregate costs"),
            description=N_("Reads registered files and publishes the cost tables of the months they complete."),
            domain="finops",
            owner="team:finops",
            dagster_jobs=("cur_aggregate", "cur_month", "cur_aggregate_all"),
            plan=plan_aggregate,
            parameters=AggregateParameters,
            permission="finops:operate",
            critical=True,
            trigger=Schedule("cur_aggregate_schedule", own.aggregate_cron) if scheduled else sensor,
            max_duration=timedelta(hours=3),
            deadline=timedelta(minutes=10),
        ),
    )


def plan_fetch(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """One run: a project's months, or every enabled project's. Raises `NotFound`, `InvalidInput`."""
    return fetch_launch(FinopsStore(pool), _as(FetchParameters, parameters), now)


def fetch_launch(store: FinopsStore, asked: FetchParameters, now: datetime) -> Launch:
    """As `plan_fetch`. Months that a former connection left and a range does not reach make it the run of a sweep."""
    month, since = _month(asked.target_date, now), parse_since(asked.since, now)
    if since and month:
        raise InvalidInput("name since or targetDate, not both", field="since")
    _require_project(store, asked.project_id)
    if asked.dry_run:
        return _of_op("cur_fetch_dry_run", "rehearse_fetch", asked.project_id, month, since=asked.since)
    first, last = month or since or oldest_polled(now.date()), month or now.date().replace(day=1)
    if asked.project_id is None or (month is None and _knows_stale_before(store, asked.project_id, first)):
        return _of_op("cur_fetch_all", "fetch_projects", asked.project_id, month, since=asked.since)
    return _of_months("cur_fetch", asked.project_id, first, last)


def plan_aggregate(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """One run: a project's months with files to read, or every enabled one's. Raises `NotFound`, `InvalidInput`."""
    asked = _as(AggregateParameters, parameters)
    month = _month(asked.target_date, now)
    _require_project(FinopsStore(pool), asked.project_id)
    if asked.dry_run:
        return _of_op("cur_aggregate_dry_run", "rehearse_aggregate", asked.project_id, month, limit=asked.limit)
    if asked.project_id is None:
        return _of_op("cur_aggregate_all", "aggregate_projects", None, month, limit=asked.limit)
    first, last = (month, month) if month else _months_with_work(pool, asked.project_id, now)
    config = {"ops": {"finops__cur_line_items": {"config": {"limit": asked.limit}}}}
    return _of_months("cur_aggregate", asked.project_id, first, last, config=config)


def _as(kind: type[Any], parameters: JobParameters) -> Any:
    """Parameters given as a base class's, with this job's defaults."""
    return parameters if isinstance(parameters, kind) else kind(**parameters.model_dump())


def _require_project(store: FinopsStore, project_id: str | None) -> None:
    if project_id is not None:
        with store.transaction() as session:
            session.project(project_id)


def parse_since(text: str | None, now: datetime) -> date | None:
    """The month to fetch from, `YYYY-MM` as typed. Raises `InvalidInput`."""
    if text is None:
        return None
    try:
        since = month_start(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a month; write YYYY-MM", field="since") from None
    if not FIRST_MONTH <= since <= now.date():
        raise InvalidInput(
            f"{text} lies outside the billing months {FIRST_MONTH:%Y-%m} to {now:%Y-%m}", field="since"
        )
    return since


def _knows_stale_before(store: FinopsStore, project_id: str, first: date) -> bool:
    with store.transaction() as session:
        return any(month < first for month in session.stale_months(project_id))


def _month(target: date | None, now: datetime) -> date | None:
    if target is None:
        return None
    month = target.replace(day=1)
    if not FIRST_MONTH <= month <= now.date():
        raise InvalidInput(
            f"{target} lies outside the billing months {FIRST_MONTH:%Y-%m} to {now:%Y-%m}", field="targetDate"
        )
    return month


def _months_with_work(pool: Pool, project_id: str, now: datetime) -> tuple[date, date]:
    """The first and last month with files to read; with none, the newest registered month or else the present one."""
    with FinopsStore(pool).snapshot() as session:
        waiting = [m.month for m in session.months_to_aggregate(project_id, now=now, quiet_since=now)]
        known = waiting or [max((m.month for m in session.months(project_id)), default=now.date().replace(day=1))]
    return min(known), max(known)


def _of_months(job: str, project_id: str, first: date, last: date, *, config: dict[str, Any] | None = None) -> Launch:
    keys = (str(partition_key(project_id, first)), str(partition_key(project_id, last)))
    return Launch(
        job=job,
        partition=keys[0] if first == last else None,
        partition_range=None if first == last else keys,
        config=config or {},
        tags={"finops/project": project_id},
        dynamic_partitions={PROJECTS.name or "": (project_id,)},
    )


def _of_op(job: str, op: str, project_id: str | None, month: date | None, **config: Any) -> Launch:
    month_text = f"{month:%Y-%m}" if month else None
    named = {"project": project_id, "month": month_text, **config}
    given = {name: value for name, value in named.items() if value is not None}
    tags = {"finops/project": project_id, "finops/month": month_text}
    return Launch(
        job=job,
        config={"ops": {op: {"config": given}}},
        tags={name: value for name, value in tags.items() if value is not None},
    )
