"""What the sensor polls: which project-months want a run, and who has not delivered for long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from math import ceil
from typing import Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.finops.model import Connection
from batch_platform.finops.service.context import QUIET, FinopsContext
from batch_platform.finops.service.fetch import is_unchanged, months_to_fetch, waiting_for
from batch_platform.finops.service.source import head_manifest, read_delivery

_log = structlog.get_logger(__name__)

LATE_AFTER: Final = timedelta(days=3)
"""AWS writes an open month at least once a day."""


@dataclass(frozen=True)
class MonthToRun:
    """A project-month a run is wanted for. `run_key` names the content, so the same is never asked for twice."""

    project_id: str
    month: date
    run_key: str
    shards: int
    token: str | None = None

    @property
    def place(self) -> str:
        return f"{self.project_id}/{self.month:%Y-%m}"


@dataclass(frozen=True)
class Discovery:
    """What one poll found: runs to start, and what users should know of the rest."""

    runs: tuple[MonthToRun, ...]
    errors: tuple[str, ...]
    waiting: tuple[str, ...]
    failures: Mapping[str, PlatformError] = field(default_factory=dict)
    """Of the projects that could not be read."""


def remember_unreadable(context: FinopsContext, discovery: Discovery) -> None:
    """Keep which projects could not be read by a poll of all of them: an alert rule tells of these, once each."""
    with context.store.transaction() as session:
        session.save_unreadable(discovery.failures, now=context.clock())


def discover(
    context: FinopsContext,
    connections: Iterable[Connection],
    *,
    requested: dict[str, str],
    at_most: int,
    since: date | None = None,
) -> Discovery:
    """Which project-months want a run: a delivery not yet seen, or registered files nobody works on.

    `requested` maps `project/YYYY-MM` to the manifest token a run was asked for before. A project that cannot be
    read is an error of its own; the others are polled all the same.
    """
    runs: list[MonthToRun] = []
    failures: dict[str, PlatformError] = {}
    waiting: list[str] = []
    for connection in connections:
        try:
            for news in _news(context, connection, requested, since):
                if isinstance(news, MonthToRun):
                    runs.append(news)
                else:
                    waiting.append(news)
        except PlatformError as error:
            failures[connection.project_id] = error
            _log.warning("cur_poll_failed", project_id=connection.project_id, reason=error.message)
    errors = tuple(f"{project}: {failure.message}" for project, failure in failures.items())
    return Discovery(tuple(islice(runs, at_most)), errors, tuple(waiting), failures)


def late_deliveries(context: FinopsContext) -> list[str]:
    """A sentence for each enabled project whose newest published month was delivered too long ago."""
    late = []
    for connection in context.enabled_connections():
        with context.store.transaction() as session:
            months = session.months(connection.project_id)
        if not months:
            late.append(f"{connection.project_id}: nothing published yet")
            continue
        newest = max(month.delivered_at for month in months)
        if context.clock() - newest > LATE_AFTER:
            late.append(f"{connection.project_id}: last delivery {newest:%Y-%m-%d %H:%M} UTC")
    return late


def _news(
    context: FinopsContext, connection: Connection, requested: dict[str, str], since: date | None
) -> Iterable[MonthToRun | str]:
    project_id = connection.project_id
    stalled = context.months_to_aggregate(project_id, quiet_for=QUIET)
    with context.store.transaction() as session:
        # the same delivery wants another run after the connection has changed, and changed back
        epoch = session.connected_at(project_id).isoformat()
        changed_at = session.projects_changed_at().isoformat()
    handled = set()
    for month in months_to_fetch(context, connection, since=since):
        with context.store.transaction() as session:
            known = session.newest_version(project_id, month)
        place = f"{project_id}/{month:%Y-%m}"
        head = head_manifest(context, connection, month, known)
        if head is None:
            if known is not None and known.stale and requested.get(place) != f"withdrawn@{epoch}":
                handled.add(month)
                yield MonthToRun(project_id, month, f"{place}/withdrawn/{epoch}", 1, f"withdrawn@{epoch}")
            continue
        if is_unchanged(known, head):
            continue
        token = f"{head.etag}@{head.last_modified.isoformat()}@{epoch}"
        if settles := connection.without_manifest and known is not None and known.still_is(head) and not known.stale:
            assert known is not None
            if context.clock() < known.first_seen_at + context.still_for:
                yield f"{place}: {waiting_for(context, (), known.first_seen_at)}"
                continue
            token = f"{token}/still"
        if requested.get(place) == token:
            continue
        delivery = read_delivery(context, connection, month, head=head)
        if delivery is None:
            continue
        if delivery.missing:
            yield f"{place}: {waiting_for(context, delivery.missing, context.clock())}"
            continue
        handled.add(month)
        run_key = f"{place}/{epoch}/{delivery.version}{'/still' if settles else ''}"
        yield MonthToRun(project_id, month, run_key, _shards(context, delivery.total_bytes), token)
    for left in stalled:
        if left.month not in handled:
            key = f"{project_id}/{left.month:%Y-%m}/{changed_at}/{left.version}/{left.attempts}"
            yield MonthToRun(project_id, left.month, key, _shards(context, left.total_bytes))


def _shards(context: FinopsContext, total_bytes: int) -> int:
    return max(1, ceil(total_bytes / context.shard_bytes))
