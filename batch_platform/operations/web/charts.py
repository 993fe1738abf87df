"""Charts of runs: how long the newest took, how many ended in each hour."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from batch_platform.operations.cost_comparison import Comparison
from batch_platform.operations.model import HOUR, Run, RunStatus
from batch_platform.operations.moved import Moved
from batch_platform.web.formats import cents, in_japan
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


def of_costs(shown: Comparison) -> dict[str, Any]:
    """A chart of what had come together by each day of the month, against the former month."""
    days, former = shown.cumulated()
    length = max(monthrange(shown.month.year, shown.month.month)[1], len(former))
    against = {"name": f"{shown.former_month:%Y-%m}", "values": _until(length, former), "style": "dashed"}
    return {
        "kind": "lines",
        "x": [str(day) for day in range(1, length + 1)],
        "series": [
            {"name": f"{shown.month:%Y-%m}", "values": _until(length, days)},
            *([against] if former else []),
        ],
        "unit": shown.currency,
    }


def _until(length: int, amounts: Sequence[Decimal]) -> list[str | None]:
    return [f"{cents(amount):f}" for amount in amounts] + [None] * (length - len(amounts))


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
