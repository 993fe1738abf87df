"""Both batches over every project at once, for real or as a dry run. A project at fault stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from batch_platform.core.failures import PlatformError
from batch_platform.core.messages import Message
from batch_platform.finops.model import Connection, FileStatus
from batch_platform.finops.service.aggregate import AggregateOutcome, read_files
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.faults import one_sentence
from batch_platform.finops.service.fetch import FetchOutcome, fetch_month, months_to_fetch
from batch_platform.finops.service.insight import compute_anomalies, compute_forecast
from batch_platform.finops.service.publish import PublishOutcome, publish_month


@dataclass(frozen=True, eq=False)
class AggregateStep:
    """What became of one project-month."""

    project_id: str
    month: date
    read: AggregateOutcome
    publication: PublishOutcome


@dataclass(frozen=True)
class Failed:
    """A project, or one of its months, that could not be worked on."""

    project_id: str
    month: date | None
    error: PlatformError

    @property
    def message(self) -> Message:
        return self.error.message


@dataclass(frozen=True)
class ReadyMonth:
    """What an aggregation would work on: files to read of how many, and whether the month would be published."""

    project_id: str
    month: date
    version: str
    files_to_read: int
    files: int
    bytes_to_read: int
    completes: bool


def fetch_all(
    context: FinopsContext,
    connections: Sequence[Connection],
    month: date | None = None,
    *,
    since: date | None = None,
    dry_run: bool = False,
) -> Iterator[FetchOutcome | Failed]:
    """Batch A for these projects: one month, or all that are polled, or all `since` one."""
    for connection in connections:
        try:
            # listed in any case: a listing that fails is told, where a HEAD would only find no manifest
            with one_sentence(connection.project_id):
                polled = months_to_fetch(context, connection, since=since)
        except PlatformError as error:
            yield Failed(connection.project_id, None, error)
            continue
        for at in polled if month is None else [month]:
            try:
                with one_sentence(f"{connection.project_id} {at:%Y-%m}"):
                    outcome = fetch_month(context, connection, at, dry_run=dry_run)
                yield outcome
            except PlatformError as error:
                yield Failed(connection.project_id, at, error)


def aggregate_all(
    context: FinopsContext, month: date | None = None, *, limit: int
) -> Iterator[AggregateStep | Failed]:
    """Batch B for every enabled project: claims `limit` files at most, publishes the months they complete."""
    left = limit
    for waiting in context.months_to_aggregate():
        if left <= 0:
            return
        if month is not None and waiting.month != month:
            continue
        project_id, at = waiting.project_id, waiting.month
        try:
            with one_sentence(f"{project_id} {at:%Y-%m}"):
                outcome = read_files(context, project_id=project_id, month=at, limit=left)
                left -= outcome.claimed
                published = publish_month(context, context.connection(project_id), at)
                if context.is_published(project_id, at):
                    compute_anomalies(context, project_id, at)
                    compute_forecast(context, project_id, at)
            yield AggregateStep(project_id, at, outcome, published)
        except PlatformError as error:
            yield Failed(project_id, at, error)


def ready_months(
    context: FinopsContext, project_id: str | None = None, month: date | None = None, *, limit: int
) -> list[ReadyMonth]:
    """What an aggregation of at most `limit` files would do now. Writes nothing. Raises `NotFound`."""
    now = context.clock()
    with context.store.snapshot() as session:
        if project_id is not None:
            session.project(project_id)
        months = session.months_to_aggregate(project_id, now=now, quiet_since=now)
        files = {m: session.files(m.project_id, month=m.month, version=m.version) for m in months}
    ready, left = [], limit
    for waiting in months:
        if left <= 0:
            break
        if month is not None and waiting.month != month:
            continue
        unread = [file for file in files[waiting] if file["status"] in (FileStatus.PENDING, FileStatus.PROCESSING)]
        broken = any(file["status"] == FileStatus.ERROR for file in files[waiting])
        taken = unread[:left]
        left -= len(taken)
        ready.append(
            ReadyMonth(
                waiting.project_id,
                waiting.month,
                waiting.version,
                files_to_read=len(taken),
                files=len(files[waiting]),
                bytes_to_read=sum(file["size_bytes"] for file in taken),
                completes=len(taken) == len(unread) and not broken,
            )
        )
    return ready
