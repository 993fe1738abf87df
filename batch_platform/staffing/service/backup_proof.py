"""A backup is proved: its bytes read back, decrypted, restored into a scratch database, and compared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg

from batch_platform.core.failures import TransientFailure
from batch_platform.core.messages import Message
from batch_platform.core.progress import report
from batch_platform.staffing import backups
from batch_platform.staffing.model import BackupFault, BackupManifest, BackupProof, FaultKind
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.service.backup_inspection import Inspection, Known
from batch_platform.staffing.store import backup_contents, backup_encryption
from batch_platform.staffing.store.backup_sites import HashingReader, Site

_OWN_ATTEMPT: Final = "SELECT attempt FROM staffing.backups WHERE night = %s"
_NOTHING: Final = "not run: nothing was restored"


def prove(context: BackupContext, known: Known) -> BackupProof:
    """What is wrong with a backup, if anything. The bytes of every site are read; the last one's are restored.

    Raises `TransientFailure` for a store or a scratch server that does not work: that says nothing of the backup.
    """
    begun, at = time.monotonic(), context.clock()
    looked, amcheck = Inspection(context, known), _NOTHING
    manifest = None
    for site in context.sites:
        manifest = looked.manifest(site)
        if manifest is None:
            continue
        if site is context.sites[-1]:
            amcheck = _restore(looked, site, manifest)
        else:
            for name in backups.OBJECTS:
                looked.is_whole(site, name, manifest)
    return BackupProof(
        night=known.night,
        attempt=known.attempt,
        site=context.sites[-1].name,
        at=at,
        seconds=round(time.monotonic() - begun, 3),
        faults=tuple(looked.faults),
        tables=len(manifest.contents.tables) if manifest else 0,
        rows=manifest.contents.rows if manifest else 0,
        files=manifest.files.count if manifest else 0,
        amcheck=amcheck,
    )


def fetch_dump(looked: Inspection, site: Site, manifest: BackupManifest, target: Path) -> bool:
    """Decrypt the dump into a file while it is read; whether it is whole, else nobody may use the file."""
    identities = looked.context.identities()

    def decrypt(reader: HashingReader) -> None:
        with target.open("wb") as out:
            backup_encryption.decrypt(reader, out, identities)

    return looked.is_whole(site, backups.DATABASE, manifest, decrypt)


def differences(manifest: BackupManifest, database_url: str) -> Iterator[BackupFault]:
    """What a restored database holds otherwise than the manifest says.

    It holds its own backup as one that is under way, which a dump of another night does not.
    """
    report("comparing the restored tables")
    yield from backups.differences(manifest.contents, backup_contents.contents(database_url))
    with backup_contents.snapshot(database_url) as restored:
        attempt = restored.value(_OWN_ATTEMPT, manifest.night)
    if attempt != manifest.attempt:
        text = Message(
            "fault-older-snapshot",
            "the restored database does not know of the backup of {night}: its snapshot is an older one",
            night=manifest.night,
        )
        yield BackupFault(FaultKind.OLDER, backups.DATABASE, text)


def _restore(looked: Inspection, site: Site, manifest: BackupManifest) -> str:
    """Restore and compare; what amcheck said."""
    programs = looked.context.programs
    with programs.directory_of_scratch() as directory:
        dump = directory / "database.dump"
        is_whole = fetch_dump(looked, site, manifest, dump)
        looked.are_files_whole(site, manifest)
        if not is_whole:
            return _NOTHING
        with programs.scratch_database() as url:
            report("restoring into a scratch database")
            try:
                programs.restore(dump, url)
            except TransientFailure as error:
                looked.faults.append(BackupFault(FaultKind.NOT_RESTORED, backups.DATABASE, error.message))
                return _NOTHING
            looked.faults += differences(manifest, url)
            backup_contents.analyze(url)
            try:
                return backup_contents.check_indexes(url)
            except psycopg.Error as error:
                text = Message("fault-index", "amcheck: {answer}", answer=str(error.diag.message_primary))
                looked.faults.append(BackupFault(FaultKind.INDEX, "indexes", text))
                return "failed"
