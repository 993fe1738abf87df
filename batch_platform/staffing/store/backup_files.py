"""The SaaS's files as one tar stream, out of their bucket and into it again."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from batch_platform.core.objects import READ_BYTES, StoredObject
from batch_platform.core.progress import report
from batch_platform.staffing.backups import FilesDigest
from batch_platform.staffing.store.backup_sites import Site

if TYPE_CHECKING:
    from batch_platform.core.object_writer import ObjectWriter


@dataclass
class Restored:
    """Files that were put back, and those that were there already and were left."""

    put: int = 0
    left: int = 0


def pack(source: Site, target: IO[bytes], files: Iterable[StoredObject]) -> FilesDigest:
    """Write the files of a bucket as a tar, in the order given."""
    digest = FilesDigest()
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT, bufsize=READ_BYTES) as tar:
        for stored in files:
            member = tarfile.TarInfo(stored.key)
            member.size = stored.size
            member.mtime = int(stored.last_modified.timestamp())
            reader = source.reader(stored)
            tar.addfile(member, reader)
            digest.add(stored.key, stored.size, reader.sha256)
            report(f"{digest.count} files")
    return digest


def members(stream: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Each file of a tar stream, in its order. Raises `tarfile.TarError`."""
    with tarfile.open(fileobj=stream, mode="r|", bufsize=READ_BYTES) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                yield member, content


def summed(stream: IO[bytes]) -> FilesDigest:
    """The digest of all files of a tar stream."""
    digest = FilesDigest()
    for member, content in members(stream):
        digest.add(member.name, member.size, _copy(content, None))
    return digest


def unpack(stream: IO[bytes], target: Site) -> Restored:
    """Put the files of a tar stream where they are missing."""
    done = Restored()
    for member, content in members(stream):
        if target.head(member.name) is not None:
            done.left += 1
            continue
        with target.writing(member.name) as writer:
            _copy(content, writer)
        done.put += 1
        report(f"{done.put + done.left} files")
    return done


@contextmanager
def piped(write: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    """What `write` writes, to be read as it comes; what it raises is raised at the end of the block."""
    reading, writing = os.pipe()

    def fill() -> None:
        with os.fdopen(writing, "wb") as out:
            write(out)

    with ThreadPoolExecutor(1, thread_name_prefix="files") as thread:
        filled = thread.submit(fill)
        with os.fdopen(reading, "rb") as source:
            try:
                yield source
            except BaseException as error:
                source.close()  # whoever writes fails by it, and ends
                failure = filled.exception()
                if failure is not None and not isinstance(failure, BrokenPipeError):
                    raise failure from error
                raise
            with suppress(ValueError):
                while source.read(READ_BYTES):
                    pass
        filled.result()


def _copy(content: IO[bytes], writer: ObjectWriter | None) -> str:
    """The SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while data := content.read(READ_BYTES):
        digest.update(data)
        if writer is not None:
            writer.write(data)
    return digest.hexdigest()
