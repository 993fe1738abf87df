"""Batch A: find what AWS delivered and register it, a manifest version of a project's month at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import islice
from math import ceil
from posixpath import commonpath, dirname
from typing import Final

import structlog

from batch_platform.core import objects
from batch_platform.core.aws import ObjectMoved
from batch_platform.core.failures import PlatformError, TransientFailure
from batch_platform.core.objects import StoredObject
from batch_platform.finops.manifest import POLLED_MONTHS, folders, manifest_keys, month_of_folder, read_manifest
from batch_platform.finops.model import Connection, Delivery, ManifestStatus, RegisteredVersion
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import QUIET, FinopsContext

_log = structlog.get_logger(__name__)

_MANIFEST_BYTES_AT_MOST: Final = 16 * 1024 * 1024
_READS_OF_A_MOVING_MANIFEST: Final = 5


LATE_AFTER: Final = timedelta(days=3)
"""AWS writes an open month at least once a day."""


class FetchStatus(StrEnum):
    ABSENT = "absent"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    REGISTERED = "registered"


@dataclass(frozen=True)
class FetchOutcome:
    """What a fetch found for one project-month."""

    project_id: str
    month: date
    status: FetchStatus
    version: str | None = None
    files: int = 0
    total_bytes: int = 0
    missing: tuple[str, ...] = ()


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
    """What one poll found: runs wanted, and what users should know of the rest."""

    wanted: tuple[MonthToRun, ...]
    errors: tuple[str, ...]
    waiting: tuple[str, ...]


def fetch_project(context: FinopsContext, connection: Connection) -> list[FetchOutcome]:
    """Register every polled month of a project that has news; oldest first."""
    _log.info("cur_fetch_started", project_id=connection.project_id)
    outcomes = [fetch_month(context, connection, month) for month in polled_months(context, connection)]
    registered = sum(o.files for o in outcomes if o.status is FetchStatus.REGISTERED)
    _log.info("cur_fetch_finished", project_id=connection.project_id, months=len(outcomes), files=registered)
    return outcomes


def fetch_month(
    context: FinopsContext, connection: Connection, month: date, *, dry_run: bool = False
) -> FetchOutcome:
    """Register the month's newest delivery. An unchanged manifest costs one HEAD and no bytes.

    A dry run tells what would be registered and writes nothing.
    """
    project_id = connection.project_id
    with context.store.transaction() as session:
        known = session.newest_version(project_id, month)
    head = head_manifest(context, connection, month, known)
    if head is None:
        # a HEAD does not tell a missing manifest from a missing bucket
        objects.require_bucket(context.source(connection), connection.bucket)
        return FetchOutcome(project_id, month, FetchStatus.ABSENT)
    if _is_unchanged(known, head):
        assert known is not None
        return FetchOutcome(project_id, month, FetchStatus.UNCHANGED, known.version)
    delivery = read_delivery(context, connection, month, head=head)
    if delivery is None:
        return FetchOutcome(project_id, month, FetchStatus.ABSENT)
    if dry_run:
        return _outcome(delivery)
    with context.store.transaction() as session:
        session.lock_month(project_id, month)
        known = session.newest_version(project_id, month)
        if known is not None and known.manifest.last_modified > delivery.manifest.last_modified:
            # a fetch that was overtaken must not bring an older delivery back
            return FetchOutcome(project_id, month, FetchStatus.UNCHANGED, known.version)
        session.save_delivery(delivery, now=context.clock())
    outcome = _outcome(delivery)
    _log.info(
        "cur_delivery_seen",
        project_id=project_id,
        month=f"{month:%Y-%m}",
        status=outcome.status.value,
        version=outcome.version,
        files=outcome.files,
    )
    context.progress(f"{project_id} {month:%Y-%m}: {outcome.status.value}, {outcome.files} files")
    return outcome


def _outcome(delivery: Delivery) -> FetchOutcome:
    return FetchOutcome(
        delivery.project_id,
        delivery.month,
        FetchStatus.WAITING if delivery.missing else FetchStatus.REGISTERED,
        delivery.version,
        len(delivery.files),
        delivery.total_bytes,
        delivery.missing,
    )


def discover(
    context: FinopsContext, connections: Iterable[Connection], *, requested: dict[str, str], at_most: int
) -> Discovery:
    """Which project-months want a run: a delivery not yet seen, or registered files nobody works on.

    `requested` maps `project/YYYY-MM` to the manifest token a run was asked for before. A project that cannot be
    read is an error of its own; the others are polled all the same.
    """
    wanted: list[MonthToRun] = []
    errors: list[str] = []
    waiting: list[str] = []
    for connection in connections:
        try:
            for found in _news(context, connection, requested):
                if isinstance(found, MonthToRun):
                    wanted.append(found)
                else:
                    waiting.append(found)
        except PlatformError as error:
            errors.append(f"{connection.project_id}: {error.message}")
            _log.warning("cur_poll_failed", project_id=connection.project_id, reason=error.message)
    return Discovery(tuple(islice(wanted, at_most)), tuple(errors), tuple(waiting))


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


def _news(context: FinopsContext, connection: Connection, requested: dict[str, str]) -> Iterable[MonthToRun | str]:
    project_id = connection.project_id
    stalled = context.months_to_aggregate(project_id, quiet_for=QUIET)
    asked = set()
    for month in polled_months(context, connection):
        with context.store.transaction() as session:
            known = session.newest_version(project_id, month)
        head = head_manifest(context, connection, month, known)
        if head is None:
            continue
        token = f"{head.etag}@{head.last_modified.isoformat()}"
        place = f"{project_id}/{month:%Y-%m}"
        if requested.get(place) == token or _is_unchanged(known, head):
            continue
        delivery = read_delivery(context, connection, month, head=head)
        if delivery is None:
            continue
        if delivery.missing:
            yield f"{place}: {len(delivery.missing)} files not delivered yet, {delivery.missing[0]} first"
            continue
        asked.add(month)
        yield MonthToRun(
            project_id, month, f"{place}/{delivery.version}", _shards(context, delivery.total_bytes), token
        )
    for left in stalled:
        if left.month not in asked:
            key = f"{project_id}/{left.month:%Y-%m}/{left.version}/{left.attempts}"
            yield MonthToRun(project_id, left.month, key, _shards(context, left.total_bytes))


def _shards(context: FinopsContext, total_bytes: int) -> int:
    return max(1, ceil(total_bytes / context.shard_bytes))


def _is_unchanged(known: RegisteredVersion | None, head: StoredObject) -> bool:
    return known is not None and known.status is not ManifestStatus.WAITING and known.still_is(head)


def polled_months(context: FinopsContext, connection: Connection) -> list[date]:
    """The delivered months of the last 13, oldest first."""
    oldest = shift(context.clock().date().replace(day=1), -POLLED_MONTHS + 1)
    return [month for month in delivered_months(context, connection) if month >= oldest]


def delivered_months(context: FinopsContext, connection: Connection) -> list[date]:
    """The months that have a folder, oldest first. A failed listing raises: it is never 'no files'."""
    client = context.source(connection)
    found = {
        month
        for folder in folders(connection)
        for name in objects.list_folders(client, connection.bucket, folder)
        if (month := month_of_folder(name)) is not None
    }
    return sorted(found)


def head_manifest(
    context: FinopsContext, connection: Connection, month: date, known: RegisteredVersion | None = None
) -> StoredObject | None:
    """The manifest's ETag and time; None when the month has none. Where it is known to stand is asked first."""
    client = context.source(connection)
    keys = manifest_keys(connection, month)
    if known is not None and known.manifest.key in keys:
        keys = (known.manifest.key, *(key for key in keys if key != known.manifest.key))
    for key in keys:
        if (head := objects.head(client, connection.bucket, key)) is not None:
            return head
    return None


def read_delivery(
    context: FinopsContext, connection: Connection, month: date, *, head: StoredObject | None = None
) -> Delivery | None:
    """The manifest and the objects it lists, as of one moment: read again when it moved meanwhile."""
    client = context.source(connection)
    for _ in range(_READS_OF_A_MOVING_MANIFEST):
        head = head or head_manifest(context, connection, month)
        if head is None:
            return None
        try:
            body = objects.read_bytes(client, head, limit=_MANIFEST_BYTES_AT_MOST, backoff=context.backoff)
        except ObjectMoved:
            head = None
            continue
        content = read_manifest(body, month, where=head.uri)
        there = _listed_objects(context, connection, content.keys)
        after = objects.head(client, head.bucket, head.key)
        if after == head:
            files = tuple(there[key] for key in content.keys if key in there)
            missing = tuple(key for key in content.keys if key not in there)
            return Delivery(connection.project_id, month, head, content.assembly_id, files, missing)
        head = after
    raise TransientFailure(f"{connection.project_id} {month:%Y-%m}: the manifest keeps changing while it is read")


def _listed_objects(context: FinopsContext, connection: Connection, keys: tuple[str, ...]) -> dict[str, StoredObject]:
    if not keys:
        return {}
    client = context.source(connection)
    folder = commonpath([dirname(key) for key in keys]) if all(map(dirname, keys)) else ""
    prefix = f"{folder}/" if folder else ""
    wanted = set(keys)
    listing = objects.list_objects(client, connection.bucket, prefix)
    return {found.key: found for found in listing if found.key in wanted}
