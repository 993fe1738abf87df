"""Batch A: register what AWS delivered, a manifest version of a project's month at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import structlog

from batch_platform.core import objects
from batch_platform.core.objects import StoredObject
from batch_platform.finops.manifest import POLLED_MONTHS
from batch_platform.finops.model import Connection, Delivery, FileStatus, ManifestStatus, RegisteredVersion
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.source import delivered_months, head_manifest, read_delivery
from batch_platform.finops.service.withdrawal import withdraw_former

_log = structlog.get_logger(__name__)

_KEYS_TOLD: Final = 20


class FetchStatus(StrEnum):
    ABSENT = "absent"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class FetchOutcome:
    """What a fetch found for one project-month; `note` is a sentence where people should know more of it."""

    project_id: str
    month: date
    status: FetchStatus
    version: str | None = None
    files: int = 0
    total_bytes: int = 0
    missing: tuple[str, ...] = ()
    note: str | None = None


def fetch_project(context: FinopsContext, connection: Connection, *, since: date | None = None) -> list[FetchOutcome]:
    """Register every polled month of a project that has news; oldest first."""
    _log.info("cur_fetch_started", project_id=connection.project_id)
    outcomes = [
        fetch_month(context, connection, month) for month in months_to_fetch(context, connection, since=since)
    ]
    registered = sum(o.files for o in outcomes if o.status is FetchStatus.REGISTERED)
    _log.info("cur_fetch_finished", project_id=connection.project_id, months=len(outcomes), files=registered)
    return outcomes


def fetch_month(
    context: FinopsContext, connection: Connection, month: date, *, dry_run: bool = False
) -> FetchOutcome:
    """Register the month's newest delivery. An unchanged manifest costs one HEAD and no bytes.

    After the connection's place changed, what lies there counts whatever its time; a month it lacks is withdrawn.
    A dry run tells what would be done and writes nothing.
    """
    project_id = connection.project_id
    with context.store.transaction() as session:
        known = session.newest_version(project_id, month)
    head = head_manifest(context, connection, month, known)
    if head is None:
        # a HEAD does not tell a missing manifest from a missing bucket
        objects.require_bucket(context.source(connection), connection.bucket)
        return _absent(context, connection, month, known, dry_run=dry_run)
    if is_unchanged(known, head):
        assert known is not None
        return FetchOutcome(project_id, month, FetchStatus.UNCHANGED, known.version)
    delivery = read_delivery(context, connection, month, head=head)
    if delivery is None:
        return _absent(context, connection, month, known, dry_run=dry_run)
    if dry_run:
        return _outcome(context, delivery, _seen_since(context, connection, known, delivery))
    with context.store.transaction() as session:
        session.hold_connection(connection)
        session.lock_month(project_id, month)
        known = session.newest_version(project_id, month)
        if known is not None and _overtakes(known, delivery, connection):
            return FetchOutcome(project_id, month, FetchStatus.UNCHANGED, known.version)
        outcome = _outcome(context, delivery, _seen_since(context, connection, known, delivery))
        session.save_delivery(delivery, settled=outcome.status is not FetchStatus.WAITING, now=context.clock())
    _log.info(
        "cur_delivery_seen",
        project_id=project_id,
        month=f"{month:%Y-%m}",
        status=outcome.status.value,
        version=outcome.version,
        files=outcome.files,
        missing=len(outcome.missing),
    )
    context.progress(f"{project_id} {month:%Y-%m}: {outcome.status.value}, {outcome.files} files")
    return outcome


def months_to_fetch(context: FinopsContext, connection: Connection, *, since: date | None = None) -> list[date]:
    """The delivered months of the last 13, or `since` a month, and those known from a former place; oldest first."""
    oldest = since or oldest_polled(context.clock().date())
    delivered = {month for month in delivered_months(context, connection) if month >= oldest}
    with context.store.transaction() as session:
        return sorted(delivered.union(session.stale_months(connection.project_id)))


def oldest_polled(today: date) -> date:
    """The first of the months that are looked for without being asked for."""
    return shift(today.replace(day=1), 1 - POLLED_MONTHS)


def nothing_newer(context: FinopsContext, connection: Connection, *, since: date | None = None) -> str | None:
    """What to say when all that is delivered lies before the months that are looked at; None otherwise."""
    oldest = since or oldest_polled(context.clock().date())
    months = delivered_months(context, connection)
    if not months:
        return f"{connection.project_id}: nothing is delivered under {connection.location}"
    if months[-1] >= oldest:
        return None
    return f"{connection.project_id}: nothing newer than {months[-1]:%Y-%m}; older: --since {months[0]:%Y-%m}"


def nothing_delivered(context: FinopsContext, outcomes: Sequence[FetchOutcome]) -> list[str]:
    """What to say of the projects of which none of these months is delivered."""
    delivered = {outcome.project_id for outcome in outcomes if outcome.status is not FetchStatus.ABSENT}
    since = min((outcome.month for outcome in outcomes), default=None)
    absent = dict.fromkeys(o.project_id for o in outcomes if o.project_id not in delivered)
    sentences = (nothing_newer(context, context.connection(project), since=since) for project in absent)
    return [sentence for sentence in sentences if sentence]


def is_unchanged(known: RegisteredVersion | None, head: StoredObject) -> bool:
    """Whether the manifest needs no second look: what it lists is registered already."""
    if known is None or known.stale:
        return False
    return known.status is not ManifestStatus.WAITING and known.still_is(head)


def waiting_for(context: FinopsContext, missing: tuple[str, ...], seen_since: datetime) -> str:
    """What a delivery waits for: its missing keys by name, or that its listing stands still."""
    if missing:
        keys = ", ".join(missing[:_KEYS_TOLD])
        more = f" and {len(missing) - _KEYS_TOLD} more" if len(missing) > _KEYS_TOLD else ""
        return f"{len(missing)} files not delivered yet that the manifest lists: {keys}{more}"
    taken_at = seen_since + context.still_for
    return f"no manifest: stands still since {seen_since:%Y-%m-%d %H:%M} UTC, taken at {taken_at:%Y-%m-%d %H:%M} UTC"


def waits(context: FinopsContext, connections: Sequence[Connection], *, since: datetime | None = None) -> list[str]:
    """What deliveries of these projects wait for, the months that wait for a fetch, and those withdrawn `since`."""
    sentences = []
    for project_id in [connection.project_id for connection in connections]:
        with context.store.snapshot() as session:
            under_way = session.deliveries_under_way(project_id)
            stale = session.stale_months(project_id)
            withdrawn = session.withdrawn_months(project_id) if since else []
        if stale:
            months = ", ".join(f"{month:%Y-%m}" for month in stale)
            sentences.append(f"{project_id}: its connection was changed: cur fetch is to look for {months} there")
        for row in under_way:
            if row["status"] == ManifestStatus.WAITING:
                reason = waiting_for(context, tuple(row["missing_keys"]), row["first_seen_at"])
                sentences.append(f"{project_id} {row['billing_month']:%Y-%m}: {reason}")
        sentences += [
            f"{project_id} {month.published.month:%Y-%m}: withdrawn: {month.detail}"
            for month in withdrawn
            if since and month.withdrawn_at >= since
        ]
    return sentences


def older_only(context: FinopsContext, connections: Sequence[Connection], *, since: date | None) -> list[str]:
    """`nothing_newer` of each of these projects."""
    sentences = (nothing_newer(context, connection, since=since) for connection in connections)
    return [sentence for sentence in sentences if sentence]


def file_counts(context: FinopsContext, project_id: str) -> list[dict[str, Any]]:
    """A row a registered version of a month: how many of its files are in each status."""
    with context.store.transaction() as session:
        files = [file for file in session.files(project_id) if file["status"] != FileStatus.SUPERSEDED]
    rows: dict[date, dict[str, Any]] = {}
    for file in files:
        month = file["billing_month"]
        place = {"project_id": project_id, "month": f"{month:%Y-%m}", "version": file["version"]}
        counted = dict.fromkeys(("PENDING", "PROCESSING", "DONE", "ERROR"), 0)
        row = rows.setdefault(month, place | counted)
        row[file["status"]] += 1
    return list(rows.values())


def _overtakes(known: RegisteredVersion, delivery: Delivery, connection: Connection) -> bool:
    """A fetch that was overtaken must not bring an older delivery back.

    Only times of one manifest tell which is older: not those of two places or layouts, nor of a listing.
    """
    if known.stale or connection.without_manifest or known.manifest.key != delivery.manifest.key:
        return False
    return known.manifest.last_modified > delivery.manifest.last_modified


def _absent(
    context: FinopsContext, connection: Connection, month: date, known: RegisteredVersion | None, *, dry_run: bool
) -> FetchOutcome:
    project_id = connection.project_id
    reason = f"{connection.location} has no {month:%Y-%m}"
    if known is None or not withdraw_former(context, connection, month, reason=reason, dry_run=dry_run):
        return FetchOutcome(project_id, month, FetchStatus.ABSENT)
    return FetchOutcome(project_id, month, FetchStatus.WITHDRAWN, note=f"withdrawn: {reason}")


def _seen_since(
    context: FinopsContext, connection: Connection, known: RegisteredVersion | None, delivery: Delivery
) -> datetime | None:
    """Since when a listing is seen as it is; None where there is no need to wait."""
    if not connection.without_manifest:
        return None
    if known is None or known.version != delivery.version:
        return context.clock()
    return known.first_seen_at if known.status is ManifestStatus.WAITING else None


def _outcome(context: FinopsContext, delivery: Delivery, seen_since: datetime | None) -> FetchOutcome:
    settles = seen_since is not None and context.clock() < seen_since + context.still_for
    waits = settles or bool(delivery.missing)
    return FetchOutcome(
        delivery.project_id,
        delivery.month,
        FetchStatus.WAITING if waits else FetchStatus.REGISTERED,
        delivery.version,
        len(delivery.files),
        delivery.total_bytes,
        delivery.missing,
        waiting_for(context, delivery.missing, seen_since or context.clock()) if waits else None,
    )
