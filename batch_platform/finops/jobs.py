"""What the jobs of finops take, and what they launch for it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.months import month_start
from batch_platform.finops.service.fetch import oldest_polled
from batch_platform.finops.store import FinopsStore
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.web.api.strict import Month
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

FIRST_MONTH: Final = date(2016, 1, 1)
"""The first partition."""

PROJECTS: Final = "finops_project"
"""The dynamic partitions: a project each."""

FILES_AT_MOST: Final = 100
FILES_OF_A_RUN: Final = 10_000
"""What a run may take on that nobody limits."""


class ProjectParameters(JobParameters):
    """What both batches take."""

    project_id: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None, title=N_("Project"), description=N_("Empty: every enabled project.")
    )


class FetchParameters(ProjectParameters):
    """What cur-fetch takes: nothing named is every enabled project and every polled month."""

    since: Month | None = Field(
        default=None, title=N_("Since month"), description=N_("Months older than the last 13, from this one on.")
    )


class AggregateParameters(ProjectParameters):
    """What cur-aggregate takes; `limit` is how many files it claims at most."""

    limit: int = Field(default=FILES_AT_MOST, ge=1, le=FILES_OF_A_RUN, title=N_("Files at most"))


def plan_fetch(pool: Pool, parameters: FetchParameters, now: datetime) -> Launch:
    """One run: a project's months, or every enabled project's. Raises `NotFound`, `InvalidInput`.

    Months of a former connection that no range reaches take the run over all projects.
    """
    store = FinopsStore(pool)
    month, since = _month(parameters.target_date, now), parse_since(parameters.since, now)
    if since and month:
        raise InvalidInput("since-or-target-date", "name since or targetDate, not both", field="since")
    _require_project(store, parameters.project_id)
    if parameters.dry_run:
        return _of_op("cur_fetch_dry_run", "rehearse_fetch", parameters.project_id, month, since=parameters.since)
    first, last = month or since or oldest_polled(now.date()), month or now.date().replace(day=1)
    if parameters.project_id is None or (month is None and _knows_stale_before(store, parameters.project_id, first)):
        return _of_op("cur_fetch_all", "fetch_projects", parameters.project_id, month, since=parameters.since)
    return of_months("cur_fetch", parameters.project_id, first, last)


def plan_aggregate(pool: Pool, parameters: AggregateParameters, now: datetime) -> Launch:
    """One run: a project's months with files to read, or every enabled one's. Raises `NotFound`, `InvalidInput`."""
    month = _month(parameters.target_date, now)
    _require_project(FinopsStore(pool), parameters.project_id)
    if parameters.dry_run:
        return _of_op(
            "cur_aggregate_dry_run", "rehearse_aggregate", parameters.project_id, month, limit=parameters.limit
        )
    if parameters.project_id is None:
        return _of_op("cur_aggregate_all", "aggregate_projects", None, month, limit=parameters.limit)
    first, last = (month, month) if month else _months_with_work(pool, parameters.project_id, now)
    config = {"ops": {"finops__cur_line_items": {"config": {"limit": parameters.limit}}}}
    return of_months("cur_aggregate", parameters.project_id, first, last, config=config)


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
        raise InvalidInput(
            "no-month", "{text} is not a month; write YYYY-MM", text=repr(text), field="since"
        ) from None
    return _within(since, now, written=text, field="since")


def _knows_stale_before(store: FinopsStore, project_id: str, first: date) -> bool:
    with store.transaction() as session:
        return any(month < first for month in session.stale_months(project_id))


def _month(target: date | None, now: datetime) -> date | None:
    return None if target is None else _within(target.replace(day=1), now, written=target, field="targetDate")


def _within(month: date, now: datetime, *, written: str | date, field: str) -> date:
    if not FIRST_MONTH <= month <= now.date():
        raise InvalidInput(
            "outside-billing-months",
            "{date} lies outside the billing months {first} to {last}",
            date=written,
            first=f"{FIRST_MONTH:%Y-%m}",
            last=f"{now:%Y-%m}",
            field=field,
        )
    return month


def _months_with_work(pool: Pool, project_id: str, now: datetime) -> tuple[date, date]:
    """The first and last month with files to read; with none, the newest registered month or else the present one."""
    with FinopsStore(pool).snapshot() as session:
        waiting = [m.month for m in session.months_to_aggregate(project_id, now=now, quiet_since=now)]
        known = waiting or [max((m.month for m in session.months(project_id)), default=now.date().replace(day=1))]
    return min(known), max(known)


def of_months(
    job: str, project_id: str, first: date, last: date | None = None, *, config: dict[str, Any] | None = None
) -> Launch:
    """One run of a project's months from first to last, or of the first alone."""
    keys = [f"{month:%Y-%m}|{project_id}" for month in (first, last or first)]
    alone = keys[0] == keys[1]
    return Launch(
        job=job,
        partition=keys[0] if alone else None,
        partition_range=None if alone else (keys[0], keys[1]),
        config=config or {},
        tags={"finops/project": project_id, **({"finops/month": f"{first:%Y-%m}"} if alone else {})},
        dynamic_partitions={PROJECTS: (project_id,)},
    )


def _of_op(job: str, op: str, project_id: str | None, month: date | None, **config: Any) -> Launch:
    text = f"{month:%Y-%m}" if month else None
    tags = {"finops/project": project_id, "finops/month": text}
    return Launch.of_op(job, op, tags=tags, project=project_id, month=text, **config)
