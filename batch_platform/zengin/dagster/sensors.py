"""When zengin runs by itself: for each new drop, and at 23:00 what is approved for the day."""

import json
from collections.abc import Iterator
from typing import Final

import dagster as dg

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.kit.jobs import GOING, Look, Request, Tick
from batch_platform.operations.model import JobParameters, Launch

INTAKE: Final = "zengin_intake"


def new_drop(tick: Tick) -> Look:
    """The oldest new drop, one at a time: a release is compared with what the one before it left."""
    seen: dict[str, str] = json.loads(tick.cursor or "{}")
    if tick.instance.get_run_ids(dg.RunsFilter(job_name=INTAKE, statuses=GOING), limit=1):
        return Look(reason="a drop is being taken in", cursor=tick.cursor)
    with tick.resource.open_context() as context:
        there, today = context.drops(), context.business_date()
    new = next((drop for drop in there if seen.get(drop.source) != drop.version), None)
    # what was deleted from the bucket need not be remembered: its run key still is
    seen = {drop.source: seen[drop.source] for drop in there if drop.source in seen}
    if new is None:
        return Look(reason="nothing new under incoming/", cursor=json.dumps(seen, sort_keys=True))
    day = min(new.day, today)
    config = {"ops": {"zengin__zengin_snapshot": {"config": {"source": new.source}}}}
    launch = Launch(INTAKE, partition=day.isoformat(), config=config, tags={"zengin/date": day.isoformat()})
    request = Request(JobParameters(target_date=day), f"{new.source} {new.version}", launch)
    return Look([request], cursor=json.dumps(seen | {new.source: new.version}, sort_keys=True))


def day_of_the_tick(tick: Tick) -> Iterator[Request]:
    """The business date at which the tick is due."""
    day = tick.at.astimezone(BUSINESS_ZONE).date()
    yield Request(JobParameters(target_date=day), run_key=day.isoformat())
