"""Last night, which an operator looks at first: what was at work since the evening."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import Run

_BEFORE_MIDNIGHT: Final = timedelta(hours=6)
_RUNS_AT_MOST: Final = 2_000


def last_night(ctx: OperationsContext) -> tuple[datetime, dict[str, list[Run]]]:
    """Since when, and the runs at work since then by job, oldest first: from 18:00 of yesterday, in Japan."""
    today = ctx.clock().astimezone(BUSINESS_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    since = (today - _BEFORE_MIDNIGHT).astimezone(UTC)
    with ctx.store.transaction() as session:
        runs = session.runs_since(since, limit=_RUNS_AT_MOST)
    by_job: dict[str, list[Run]] = {}
    for run in reversed(runs):
        by_job.setdefault(run.job, []).append(run)
    return since, by_job
