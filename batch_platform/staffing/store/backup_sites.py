"""Where backups lie: a bucket, here or far away. Manifests are written last, so that what has one is whole."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from batch_platform.core import objects
from batch_platform.core.object_writer import ObjectWriter, abort_uploads, writing
from batch_platform.core.objects import READ_BYTES, ObjectReader, StoredObject
from batch_platform.staffing import backups

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUFFER: Final = 1024 * 1024
_MANIFEST_BYTES: Final = 256 * 1024 * 1024


class HashingReader:
    """Reads a stream; `sha256` and `size` (bytes) are of what has been read."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self.size = 0
        self._stream = io.BufferedReader(stream, _BUFFER)
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def peek(self, size: int) -> bytes:
        """The first bytes, without reading on."""
        return self._stream.peek(size)[:size]

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(READ_BYTES):
            pass

    def close(self) -> None:
        self._stream.close()


@dataclass(frozen=True)
class Site:
    """A bucket of backups by the name that reports call it."""

    name: str
    client: S3Client
    bucket: str

    def require(self) -> None:
        """Raises `NotFound` when the bucket is not there."""
        objects.require_bucket(self.client, self.bucket)

    def writing(self, key: str) -> AbstractContextManager[ObjectWriter]:
        """An object that appears at the end of the block."""
        return writing(self.client, self.bucket, key)

    def put(self, key: str, data: bytes) -> None:
        objects.put_bytes(self.client, self.bucket, key, data, content_type="application/json")

    def get(self, key: str) -> bytes | None:
        return objects.get_bytes(self.client, self.bucket, key, limit=_MANIFEST_BYTES)

    def head(self, key: str) -> StoredObject | None:
        return objects.head(self.client, self.bucket, key)

    def reader(self, stored: StoredObject) -> HashingReader:
        """The object's bytes as they are read back now."""
        return HashingReader(ObjectReader(self.client, stored))

    def list_files(self) -> Iterator[StoredObject]:
        """Every object of the bucket, in the order of keys."""
        return objects.list_objects(self.client, self.bucket, "")

    def copy_from(self, other: Site, key: str) -> None:
        """The object as the other site has it; one that is there already, of the same length, is left."""
        stored = objects.head(other.client, other.bucket, key)
        there = self.head(key)
        if stored is None or (there is not None and there.size == stored.size):
            return
        reader = other.reader(stored)
        with self.writing(key) as writer:
            while data := reader.read(READ_BYTES):
                writer.write(data)

    def manifests(self) -> list[tuple[date, int]]:
        """Night and attempt of all whole backups, oldest first."""
        manifests = []
        for stored in objects.list_objects(self.client, self.bucket, backups.nights_folder()):
            parts = stored.key.split("/")
            if len(parts) == 4 and parts[3] == backups.MANIFEST:
                manifests.append((date.fromisoformat(parts[1]), int(parts[2])))
        return manifests

    def attempts(self, night: date) -> list[int]:
        """All attempts of a night that have left something."""
        folders = objects.list_folders(self.client, self.bucket, backups.nights_folder(night))
        return [int(folder.split("/")[2]) for folder in folders]

    def delete(self, folder: str) -> int:
        """What lies below a folder; the bucket keeps the versions for a while."""
        return objects.delete_prefix(self.client, self.bucket, folder)

    def abort_uploads(self, folder: str) -> int:
        """Uploads that died workers have left."""
        return abort_uploads(self.client, self.bucket, folder)
