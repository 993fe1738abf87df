"""What lies at a site is compared with what was stored: manifest, length, hash, ciphertext, key."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Final

from batch_platform.core.failures import PlatformError
from batch_platform.core.messages import Message
from batch_platform.core.progress import report
from batch_platform.staffing import backups
from batch_platform.staffing.backups import AGE_HEADER
from batch_platform.staffing.model import BackupFault, BackupManifest, FaultKind
from batch_platform.staffing.service.backup_context import BackupContext
from batch_platform.staffing.store import backup_encryption, backup_files
from batch_platform.staffing.store.backup_encryption import Damaged, NotOpened
from batch_platform.staffing.store.backup_sites import HashingReader, Site

_HEADER_BYTES: Final = 4096  # of two recipients it has less than 400

Consume = Callable[[HashingReader], None]


@dataclass(frozen=True)
class Known:
    """What is known of a backup beside what lies at the site; no hash where the platform's database is lost."""

    night: date
    attempt: int
    manifest_sha256: str | None = None


@dataclass
class Inspection:
    """Looks at one backup, and keeps the faults that it finds."""

    context: BackupContext
    known: Known
    faults: list[BackupFault] = field(default_factory=list)

    def key(self, name: str) -> str:
        """Where an object of the backup lies."""
        return backups.folder(self.known.night, self.known.attempt) + name

    def manifest(self, site: Site) -> BackupManifest | None:
        """The manifest at a site, if it is the one that was stored."""
        key = self.key(backups.MANIFEST)
        data = site.get(key)
        if data is None:
            self._fault(FaultKind.MISSING, key, Message("fault-missing", "{key} is not there", key=key), site)
            return None
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            manifest = backups.read(data)
        except ValueError:
            self._fault(FaultKind.MANIFEST, key, Message("fault-no-manifest", "{key} is no manifest", key=key), site)
            return None
        if (manifest.night, manifest.attempt) != (self.known.night, self.known.attempt):
            text = Message(
                "fault-other-manifest",
                "{key} is the manifest of the night of {night}, attempt {attempt}",
                key=key,
                night=manifest.night,
                attempt=manifest.attempt,
            )
            self._fault(FaultKind.OLDER, key, text, site)
            return None
        if self.known.manifest_sha256 not in (None, sha256):
            text = Message("fault-manifest", "{key} is not the manifest that was stored with the backup", key=key)
            self._fault(FaultKind.MANIFEST, key, text, site)
            return None
        return manifest

    def is_whole(
        self, site: Site, name: str, manifest: BackupManifest, consume: Consume = HashingReader.drain
    ) -> bool:
        """Whether an object is what its manifest says and was consumed.

        `consume` reads it. Its hash and length decide: until they are known nothing that was read is to be used.
        """
        report(f"reading {name} of {site.name}")
        key = self.key(name)
        stored = site.head(key)
        if stored is None:
            self._fault(FaultKind.MISSING, key, Message("fault-missing", "{key} is not there", key=key), site)
            return False
        reader = site.reader(stored)
        try:
            beginning = reader.peek(_HEADER_BYTES)
            if not beginning.startswith(AGE_HEADER):
                text = Message(
                    "fault-plaintext", "{key} is not encrypted: it does not begin as age's objects do", key=key
                )
                self._fault(FaultKind.PLAINTEXT, key, text, site)
                return False
            if backup_encryption.opens(beginning, [backup_encryption.stranger()]):
                text = Message("fault-any-key", "{key} is opened by a key that was just made", key=key)
                self._fault(FaultKind.ANY_KEY, key, text, site)
            refusal: Exception | None = None
            try:
                consume(reader)
            except (NotOpened, Damaged, tarfile.TarError) as error:
                refusal = error
            reader.drain()
        finally:
            reader.close()
        is_same = self._compare(site, name, manifest, reader)
        if isinstance(refusal, NotOpened):
            text = Message("fault-wrong-key", "the identity given does not open {key}", key=key)
            self._fault(FaultKind.WRONG_KEY, key, text, site)
        elif refusal is not None and is_same:
            reason = refusal.message if isinstance(refusal, PlatformError) else str(refusal)
            text = Message(
                "fault-unreadable", "{key} is as it was stored, but cannot be read: {reason}", key=key, reason=reason
            )
            self._fault(FaultKind.UNREADABLE, key, text, site)
        return is_same and refusal is None

    def are_files_whole(self, site: Site, manifest: BackupManifest) -> bool:
        """Whether the files can be decrypted and are those that were backed up."""
        identities = self.context.identities()
        summed: list[backups.FilesDigest] = []

        def sum_up(reader: HashingReader) -> None:
            def write(out: IO[bytes]) -> None:
                backup_encryption.decrypt(reader, out, identities)

            with backup_files.piped(write) as tar:
                summed.append(backup_files.summed(tar))

        if not self.is_whole(site, backups.FILES, manifest, sum_up):
            return False
        [digest], recorded = summed, manifest.files
        if digest.files().sha256 == recorded.sha256:
            return True
        text = Message(
            "fault-files",
            "{count} files of {bytes} bytes, not {recorded} of {recorded_bytes}, or others",
            count=digest.count,
            bytes=digest.bytes,
            recorded=recorded.count,
            recorded_bytes=recorded.bytes,
        )
        self._fault(FaultKind.FILES, backups.FILES, text, site)
        return False

    def _compare(self, site: Site, name: str, manifest: BackupManifest, read: HashingReader) -> bool:
        recorded, key = manifest.objects[name], self.key(name)
        if (read.sha256, read.size) == (recorded.sha256, recorded.bytes):
            return True
        other = self._other_night(read.sha256)
        if other is not None:
            text = Message("fault-other-night", "{key} is the object of the night of {night}", key=key, night=other)
            self._fault(FaultKind.OLDER, key, text, site)
        elif read.size < recorded.bytes:
            text = Message(
                "fault-cut",
                "{key} has {bytes} bytes, not {recorded}",
                key=key,
                bytes=read.size,
                recorded=recorded.bytes,
            )
            self._fault(FaultKind.CUT, key, text, site)
        else:
            text = Message("fault-altered", "{key} holds other bytes than were stored", key=key)
            self._fault(FaultKind.ALTERED, key, text, site)
        return False

    def _other_night(self, sha256: str) -> date | None:
        """The night that an object belongs to, as far as the platform's database is there to tell."""
        if self.known.manifest_sha256 is None:
            return None
        with self.context.store.snapshot() as session:
            return session.backup_with_object(sha256, self.known.night)

    def _fault(self, kind: FaultKind, subject: str, text: Message, site: Site) -> None:
        self.faults.append(BackupFault(kind, subject, text, site.name))
