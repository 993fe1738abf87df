"""Charts of runs: how long the newest took, how many ended in each hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from batch_platform.operations.model import HOUR, Run, RunStatus
from batch_platform.operations.moved import Moved
from batch_platform.web.formats import in_japan
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated

ZERO: Final = timedelta(0)


def durations(runs: Sequence[Run]) -> dict[str, Any] | None:
    """A chart of how long the newest runs took, in seconds, oldest first; None with fewer than two."""
    ended = [run for run in reversed(runs) if run.started_at and run.duration is not None and not run.dry_run]
    if len(ended) < 2:
        return None
    seconds = [(run.status is RunStatus.SUCCESS, f"{(run.duration or ZERO).total_seconds():.1f}") for run in ended]
    return {
        "kind": "bars",
        "stacked": True,
        "x": [in_japan(run.started_at or run.created_at)[5:] for run in ended],
        "series": [
            {"name": _("Succeeded"), "values": [text if good else None for good, text in seconds]},
            {"name": _("Failed or canceled"), "values": [None if good else text for good, text in seconds]},
        ],
        "unit": _("seconds"),
    }


def hours(since: datetime, now: datetime, runs: Sequence[Run]) -> dict[str, Any] | None:
    """A chart of how many runs ended in each hour of the night, by their end; None where none did."""
    ended = [
        (run.ended_at, run.status is RunStatus.SUCCESS) for run in runs if run.ended_at and run.ended_at >= since
    ]
    if not ended:
        return None
    spans = range(int((now - since) / HOUR) + 1)
    counts = Counter((int((at - since) / HOUR), good) for at, good in ended)
    return {
        "kind": "bars",
        "stacked": True,
        "x": [in_japan(since + number * HOUR)[5:] for number in spans],
        "series": [
            {"name": _("Succeeded"), "values": [str(counts[number, True]) for number in spans]},
            {"name": _("Failed or canceled"), "values": [str(counts[number, False]) for number in spans]},
        ],
        "unit": _("runs"),
    }


def by_day(moved: Moved) -> dict[str, Any] | None:
    """A chart of what was moved on each day; None where nothing was."""
    if not any(day.things for day in moved.days):
        return None
    return {
        "kind": "bars",
        "x": [f"{day.day:%m-%d}" for day in moved.days],
        "series": [{"name": translated(moved.of.title), "values": [f"{day.amount:f}" for day in moved.days]}],
        "unit": translated(moved.of.unit),
    }
