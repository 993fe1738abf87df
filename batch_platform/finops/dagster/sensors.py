"""When finops runs by itself: a sensor on manifests, and the two schedules of the spec."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Final

from batch_platform.finops import service
from batch_platform.finops.jobs import (
    FILES_OF_A_RUN,
    PROJECTS,
    AggregateParameters,
    FetchParameters,
    of_months,
)
from batch_platform.finops.manifest import POLLED_MONTHS
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import QUIET
from batch_platform.finops.service.poll import MonthToRun
from batch_platform.kit.jobs import Look, Request, Tick

REQUESTS_AT_MOST: Final = 25


def new_deliveries(tick: Tick) -> Look:
    """Runs for what was delivered since the last look, for withdrawn and for stalled months."""
    requested: dict[str, str] = json.loads(tick.cursor or "{}")
    with tick.resource.open_context() as context:
        connections = context.enabled_connections()
        discovered = service.discover(context, connections, requested=requested, at_most=REQUESTS_AT_MOST)
        service.remember_unreadable(context, discovered)
    notes = (*discovered.errors, *discovered.waiting)
    for sentence in notes:
        tick.log.warning(sentence)
    requested |= {month.place: month.token for month in discovered.runs if month.token}
    tick.instance.add_dynamic_partitions(PROJECTS, [connection.project_id for connection in connections])
    return Look(
        [request for month in discovered.runs for request in _shards(month)],
        "; ".join(notes) or "every manifest is as it was",
        json.dumps(requested, sort_keys=True),
    )


def _shards(month: MonthToRun) -> Iterator[Request]:
    """A run a shard: they share the month's files by claims, and the last one publishes."""
    for shard in range(month.shards):
        suffix = f"/shard-{shard + 1}-of-{month.shards}" if month.shards > 1 else ""
        launch = of_months("cur_month", month.project_id, month.month)
        yield Request(_aggregation(month.project_id, month.month), f"{month.run_key}{suffix}", launch)


def every_project(tick: Tick) -> Iterator[Request]:
    """Batch A: a run a project over the polled months, and one for each older month of a former connection."""
    with tick.resource.open_context() as context:
        projects = [connection.project_id for connection in context.enabled_connections()]
        with context.store.transaction() as session:
            stale = {project: session.stale_months(project) for project in projects}
    last = tick.at.date().replace(day=1)
    first = shift(last, 1 - POLLED_MONTHS)
    for project in projects:
        place = f"{tick.at.isoformat()}/{project}"
        # a schedule starts its own Dagster job alone, where the plan may choose that of all projects
        launch = of_months("cur_fetch", project, first, last)
        yield Request(FetchParameters(project_id=project), place, launch)
        for month in stale[project]:
            if month < first:
                older = FetchParameters(project_id=project, target_date=month)
                yield Request(older, f"{place}/{month:%Y-%m}")


def waiting_months(tick: Tick) -> Iterator[Request]:
    """Batch B: a run for each project-month with registered files that nobody works on."""
    with tick.resource.open_context() as context:
        months = context.months_to_aggregate(quiet_for=QUIET)
    for month in months[:REQUESTS_AT_MOST]:
        run_key = f"{month.project_id}/{month.month:%Y-%m}/{month.version}/{month.attempts}"
        yield Request(_aggregation(month.project_id, month.month), run_key)


def _aggregation(project_id: str, month: date) -> AggregateParameters:
    return AggregateParameters(project_id=project_id, target_date=month, limit=FILES_OF_A_RUN)
