"""A backup is taken: the database under one snapshot, the files, and the manifest last."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import date
from typing import IO, Final

from batch_platform.core.progress import report
from batch_platform.staffing import backups
from batch_platform.staffing.backups import FilesDigest
from batch_platform.staffing.model import BackedUpFiles, BackupManifest, BackupObject
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.store import backup_contents, backup_encryption, backup_files

_NAMED: Final = 100
"""So many files without an object are named by the manifest."""
_BEAT: Final = 1.0
_MIB: Final = 2**20


def take(context: BackupContext, night: date, attempt: int) -> tuple[BackupManifest, str]:
    """Dump, encrypt and store at the first site; the manifest, and its SHA-256.

    What the tables hold is summed up under the snapshot of the dump. A worker that dies leaves no manifest.
    """
    site, folder = context.sites[0], backups.folder(night, attempt)
    site.require()
    with (
        backup_contents.snapshot(context.database_url) as moment,
        ThreadPoolExecutor(1, thread_name_prefix="dump") as thread,
    ):
        taken_at = context.clock()
        dumped = thread.submit(_dump, context, folder + backups.DATABASE, moment.name)
        contents = moment.contents()
        _await(dumped)
        version, migration, database = moment.server_version(), moment.migration(), moment.database()
    files, archive = _archive(context, folder + backups.FILES)
    manifest = BackupManifest(
        night=night,
        attempt=attempt,
        environment=context.environment,
        database=database,
        server_version=version,
        migration=migration,
        taken_at=taken_at,
        recipients=tuple(map(backups.fingerprint, context.recipients)),
        objects={backups.DATABASE: dumped.result(), backups.FILES: archive},
        contents=contents,
        files=files,
    )
    written = backups.write(manifest)
    site.put(folder + backups.MANIFEST, written)
    return manifest, hashlib.sha256(written).hexdigest()


def copy(context: BackupContext, night: date, attempt: int) -> None:
    """The same bytes at every other site, the manifest last."""
    first, *others = context.sites
    for site in others:
        site.require()
        for name in (*backups.OBJECTS, backups.MANIFEST):
            report(f"copying {name} to {site.name}")
            site.copy_from(first, backups.folder(night, attempt) + name)


def _dump(context: BackupContext, key: str, snapshot: str) -> BackupObject:
    """The object is complete only when pg_dump has said that it is."""
    with context.sites[0].writing(key) as out, context.programs.dump(context.database_url, snapshot) as dump:
        backup_encryption.encrypt(dump, out, context.recipients)
    return BackupObject(out.sha256, out.size)


def _await(dumped: Future[BackupObject]) -> None:
    seconds = 0
    while not wait([dumped], timeout=_BEAT).done:
        seconds += 1
        report(f"dumping, {seconds} s since all tables were read")
    dumped.result()


def _archive(context: BackupContext, key: str) -> tuple[BackedUpFiles, BackupObject]:
    """All objects of the files' bucket; rows that name one which is not there are told."""
    with context.store.snapshot() as session:
        missing = set(session.keys_of_files())
    packed: list[FilesDigest] = []

    def pack(out: IO[bytes]) -> None:
        listed = []
        for stored in context.files.list_files():
            missing.discard(stored.key)
            listed.append(stored)
        packed.append(backup_files.pack(context.files, out, listed))

    with context.sites[0].writing(key) as target, backup_files.piped(pack) as tar:
        backup_encryption.encrypt(tar, target, context.recipients)
    named = tuple(sorted(missing)[:_NAMED])
    return packed[0].files(named, len(missing)), BackupObject(target.sha256, target.size)
