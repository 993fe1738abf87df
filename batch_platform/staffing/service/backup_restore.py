"""A backup comes back: into an empty server, with nothing at hand but the bucket and an identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import IO, Any, Final

from batch_platform.core import postgres
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure
from batch_platform.core.progress import report
from batch_platform.staffing import backups
from batch_platform.staffing.model import BackupFault, BackupManifest
from batch_platform.staffing.service import backup_proof
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.service.backup_inspection import Inspection, Known
from batch_platform.staffing.store import StaffingStore, backup_contents, backup_encryption, backup_files
from batch_platform.staffing.store.backup_programs import ensure_database
from batch_platform.staffing.store.backup_sites import Site

RESTORE: Final = "backup.restore"
"""What a restoration is called in the audit log of the database that has come back."""


@dataclass(frozen=True)
class StoredBackup:
    """A backup as the bucket alone tells of it. `proved`: None where nobody has tried."""

    night: date
    attempt: int
    site: str
    proved: bool | None


@dataclass(frozen=True)
class Restored:
    """What has come back, or would come. `files_left` were there already."""

    night: date
    attempt: int
    site: str
    database: str
    tables: int
    rows: int
    files: int
    files_left: int


def stored(context: BackupContext) -> list[StoredBackup]:
    """Whole backups of all sites, newest first; needs no database."""
    attempts = []
    for site in context.sites:
        for night, attempt in site.manifests():
            written = site.get(backups.folder(night, attempt) + backups.PROOF)
            proved = None if written is None else bool(json.loads(written)["passed"])
            attempts.append(StoredBackup(night, attempt, site.name, proved))
    return sorted(attempts, key=lambda backup: (backup.night, backup.attempt, backup.site), reverse=True)


def restore(
    context: BackupContext, night: date | None = None, *, site: str | None = None, dry_run: bool = False
) -> Restored:
    """Restore into the database of `context`, which is made if it is missing, and must hold nothing.

    By default the newest backup that was proved. The files come first and the database by one transaction: killed,
    the same command begins again. Raises `NotFound`, `Conflict` for a database that holds something, and
    `PermanentFailure` naming each fault of the backup.
    """
    chosen = _chosen(context, night, site)
    where = next(place for place in context.sites if place.name == chosen.site)
    was_there = ensure_database(context.database_url, dry_run=dry_run)
    if was_there and not backup_contents.is_empty(context.database_url):
        raise Conflict(
            "restore-into-something",
            "the database is not empty: a backup is restored into an empty one only",
        )
    looked = Inspection(context, Known(chosen.night, chosen.attempt))
    manifest = looked.manifest(where)
    _refuse(looked.faults)
    assert manifest is not None
    with context.programs.directory_of_scratch() as directory:
        dump = directory / "database.dump"
        backup_proof.fetch_dump(looked, where, manifest, dump)
        looked.are_files_whole(where, manifest)
        _refuse(looked.faults)
        files = backup_files.Restored()
        if not dry_run:
            files = _restore_files(context, where, looked)
            report("restoring the database")
            context.programs.restore(dump, context.database_url, in_one_transaction=True)
            _refuse(list(backup_proof.differences(manifest, context.database_url)))
            _adopt(context, where, manifest)
            report("ANALYZE")
            backup_contents.analyze(context.database_url)
    return Restored(
        night=chosen.night,
        attempt=chosen.attempt,
        site=chosen.site,
        database=manifest.database,
        tables=len(manifest.contents.tables),
        rows=manifest.contents.rows,
        files=manifest.files.count if dry_run else files.put,
        files_left=files.left,
    )


def _chosen(context: BackupContext, night: date | None, site: str | None) -> StoredBackup:
    """The newest attempt of a night, or the newest one that was proved."""
    if site is not None and site not in {place.name for place in context.sites}:
        names = ", ".join(place.name for place in context.sites)
        raise NotFound("unknown-backup-site", "site is one of: {sites}", sites=names, field="site")
    at_site = [backup for backup in stored(context) if site in (None, backup.site)]
    for backup in at_site:
        if backup.night == night if night is not None else backup.proved:
            return backup
    if night is None and at_site:
        raise NotFound(
            "no-proved-backup", "no backup was ever proved; name a night to restore one all the same", field="night"
        )
    raise NotFound(
        "no-backup-of-night",
        "no backup of {night} lies in {buckets}",
        night=str(night or "any night"),
        buckets=", ".join(place.bucket for place in context.sites),
        field="night",
    )


def _restore_files(context: BackupContext, site: Site, looked: Inspection) -> backup_files.Restored:
    """Their hash is known by now; files that are there are left."""
    key = looked.key(backups.FILES)
    there = site.head(key)
    assert there is not None

    def write(out: IO[bytes]) -> None:
        backup_encryption.decrypt(site.reader(there), out, context.identities())

    with backup_files.piped(write) as tar:
        return backup_files.unpack(tar, context.files)


def _adopt(context: BackupContext, site: Site, manifest: BackupManifest) -> None:
    """The restored platform knows the backup it comes from."""
    written: Any = site.get(backups.folder(manifest.night, manifest.attempt) + backups.MANIFEST)
    sha256 = hashlib.sha256(written).hexdigest()
    with (
        postgres.open_pool(context.database_url, application_name="batch-platform backup", max_size=1) as pool,
        StaffingStore(pool).transaction() as session,
    ):
        session.adopt_backup(manifest, sha256, now=context.clock())


def _refuse(faults: list[BackupFault]) -> None:
    if faults:
        raise PermanentFailure(
            "backup-faulty",
            "the backup cannot be relied on: {faults}",
            faults=[fault.text for fault in faults],
        )
