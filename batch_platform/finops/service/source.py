"""What lies in a project's bucket: its months, their manifests, and the objects these list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from os.path import commonprefix
from typing import Final

from batch_platform.core import objects
from batch_platform.core.aws_failures import ObjectMoved
from batch_platform.core.failures import TransientFailure
from batch_platform.core.objects import StoredObject
from batch_platform.finops import listing
from batch_platform.finops.manifest import folders, manifest_keys, month_of_folder, read_manifest
from batch_platform.finops.model import Connection, Delivery, RegisteredVersion
from batch_platform.finops.service.context import FinopsContext

_MANIFEST_BYTES_AT_MOST: Final = 16 * 1024 * 1024
_READS_OF_A_MOVING_MANIFEST: Final = 5


def delivered_months(context: FinopsContext, connection: Connection) -> list[date]:
    """The months that have a folder, oldest first. A failed listing raises: it is never 'no files'."""
    roots = listing.roots(connection) if connection.without_manifest else folders(connection)
    months = {month_of_folder(name) for root in roots for name in _folders(context, connection, root)}
    if connection.without_manifest:
        months |= set(_partitions(context, connection))
    return sorted(month for month in months if month is not None)


def head_manifest(
    context: FinopsContext, connection: Connection, month: date, known: RegisteredVersion | None = None
) -> StoredObject | None:
    """The manifest's ETag and time; None when the month has none. Where it is known to stand is asked first.

    Without manifests, what stands for one: the month's listing.
    """
    if connection.without_manifest:
        listed = list_delivery(context, connection, month)
        return None if listed is None else listed.manifest
    client = context.source(connection)
    for key in manifest_keys(connection, month, known=None if known is None else known.manifest.key):
        if (head := objects.head(client, connection.bucket, key)) is not None:
            return head
    return None


def read_delivery(
    context: FinopsContext, connection: Connection, month: date, *, head: StoredObject | None = None
) -> Delivery | None:
    """The manifest and the objects it lists, as of one moment: read again when it moved meanwhile."""
    if connection.without_manifest:
        return list_delivery(context, connection, month)
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
    raise TransientFailure(
        "manifest-keeps-changing",
        "{project} {month}: the manifest keeps changing while it is read",
        project=connection.project_id,
        month=f"{month:%Y-%m}",
    )


def list_delivery(context: FinopsContext, connection: Connection, month: date) -> Delivery | None:
    """The newest delivery of a month that has no manifest; None when it has no file."""
    client = context.source(connection)
    for folder in listing.month_folders(connection, month):
        stored = objects.list_objects(client, connection.bucket, folder)
        if (delivery := listing.newest_delivery(connection.project_id, month, folder, stored)) is not None:
            return delivery
    return None


def _folders(context: FinopsContext, connection: Connection, root: str) -> Iterator[str]:
    return objects.list_folders(context.source(connection), connection.bucket, root)


def _partitions(context: FinopsContext, connection: Connection) -> Iterator[date | None]:
    for root in listing.partition_roots(connection):
        for folder in _folders(context, connection, root):
            if (year := listing.year_of_folder(folder)) is not None:
                for name in _folders(context, connection, folder):
                    yield listing.month_of_partition(name, year)


def _listed_objects(context: FinopsContext, connection: Connection, keys: tuple[str, ...]) -> dict[str, StoredObject]:
    """What lies under each key, or under the key without its empty parts, as a copy may have it."""
    there = _stored(context, connection, keys)
    plain = {key: "/".join(filter(None, key.split("/"))) for key in keys if key not in there}
    copied = _stored(context, connection, [name for key, name in plain.items() if name != key])
    return there | {key: copied[name] for key, name in plain.items() if name in copied}


def _stored(context: FinopsContext, connection: Connection, keys: Sequence[str]) -> dict[str, StoredObject]:
    if not keys:
        return {}
    folder, slash, _ = commonprefix(keys).rpartition("/")  # noqa: RUF071 (as text: a path's `//` would become `/`)
    names = set(keys)
    listed = objects.list_objects(context.source(connection), connection.bucket, folder + slash)
    return {stored.key: stored for stored in listed if stored.key in names}
