"""Where a release comes from: a directory, wheel, tgz or CSV, on this machine or on S3."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from batch_platform.core import objects
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INCOMING: Final = "incoming/"
"""Where drops lie in the bucket of the diffs."""

SETTLED: Final = timedelta(minutes=2)

_ARCHIVES: Final = (".whl", ".zip", ".tgz", ".tar.gz")
_WANTED: Final = re.compile(
    r"(^|/)(banks\.json|branches/[^/]+\.json|zengin-data\.js|updated_at)$|(^|/)[^/]*\.(txt|csv)$"
)
_LICENCES: Final = re.compile(r"licen[cs]e|notice|readme|(dist|egg)-info/", re.IGNORECASE)
_UNPACKABLE: Final = (RuntimeError, NotImplementedError, lzma.LZMAError)
"""What zipfile says of members that are encrypted, or packed in a way it does not know."""
_BYTES_AT_MOST: Final = 256 * 1024 * 1024  # unpacked; a release has about 8 MiB
_DAY: Final = re.compile(r"(?<!\d)(20\d{2})-?(\d{2})-?(\d{2})(?!\d)")
_VERSION: Final = re.compile(r"(?<![\d.])(\d+(?:\.\d+)+(?:-p\d+)?)(?![\d])")  # 1.1.0.20260824, at npm 1.0.0-p20260824


@dataclass(frozen=True, eq=False)
class Source:
    """The files of a release by path, and what is known of where they came from. `sha256`: of the bytes received."""

    where: str
    version: str
    sha256: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Drop:
    """A release under `incoming/`, ready to be read; `version` changes whenever its bytes do."""

    source: str
    version: str
    day: date


def read_source(source: str, s3: S3Client) -> Source:
    """The release at a local path or `s3://bucket/key`; a key that ends in `/` is a directory.

    Raises `NotFound` when nothing is there and `PermanentFailure` for an archive that cannot be unpacked.
    """
    if source.startswith("s3://"):
        return _from_s3(source, s3)
    path = Path(source).expanduser()
    if path.is_dir():
        paths = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}
        files = {name: file.read_bytes() for name, file in paths.items() if _is_wanted(name)}
        return _of_directory(str(path.resolve()), files)
    if not path.is_file():
        raise _missing(source)
    return _of_file(str(path.resolve()), path.read_bytes())


def require_source(source: str, s3: S3Client) -> None:
    """Raises `NotFound` when nothing is there, as `read_source` does, before anything is started for it."""
    if not source.startswith("s3://"):
        there = Path(source).expanduser().exists()
    else:
        bucket, key = _address(source)
        of_file = not key.endswith("/") and objects.head(s3, bucket, key) is not None
        there = of_file or any(True for _ in objects.list_objects(s3, bucket, key.rstrip("/") + "/"))
    if not there:
        raise _missing(source)


def drops(s3: S3Client, bucket: str, *, now: datetime) -> list[Drop]:
    """What lies under `incoming/`, oldest day first: archives, CSVs, and directories that hold a banks.json.

    A directory arrives file by file: it counts when nothing was added to it for `SETTLED`.
    """
    listed = list(objects.list_objects(s3, bucket, INCOMING))
    folders = sorted(
        {stored.key.removesuffix("banks.json") for stored in listed if stored.key.endswith("/banks.json")}
    )
    ready: list[Drop] = []
    for folder in folders:
        inside = [stored for stored in listed if stored.key.startswith(folder)]
        etags = "".join(f"{stored.key} {stored.etag}\n" for stored in inside)
        newest = max(stored.last_modified for stored in inside)
        if now - newest >= SETTLED:
            ready.append(Drop(objects.uri(bucket, folder), _digest(etags.encode())[:16], day_of(folder, newest)))
    for stored in listed:
        if stored.key.startswith(tuple(folders)) or not stored.key.endswith((*_ARCHIVES, ".txt", ".csv")):
            continue
        ready.append(Drop(stored.uri, stored.etag, day_of(stored.key, stored.last_modified)))
    return sorted(ready, key=lambda drop: (drop.day, drop.source))


def day_of(name: str, modified: datetime) -> date:
    """The business date a drop is of: the last one in its name, else the day it arrived in Tokyo."""
    for year, month, day in reversed(_DAY.findall(name)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return modified.astimezone(BUSINESS_ZONE).date()


def _missing(source: str) -> NotFound:
    return NotFound("source-missing", "{source} does not exist", source=source, field="source")


def _address(source: str) -> tuple[str, str]:
    """Bucket and key."""
    parts = urlsplit(source)
    bucket, key = parts.netloc, parts.path.lstrip("/")
    if not bucket or not key:
        raise InvalidInput("source-no-uri", "{source} is not s3://bucket/key", source=source, field="source")
    return bucket, key


def _from_s3(source: str, s3: S3Client) -> Source:
    bucket, key = _address(source)
    data = None if key.endswith("/") else objects.get_bytes(s3, bucket, key, limit=_BYTES_AT_MOST)
    if data is not None:
        return _of_file(source, data)
    folder = key.rstrip("/") + "/"
    listed = {stored.key.removeprefix(folder): stored for stored in objects.list_objects(s3, bucket, folder)}
    parts = {name: stored for name, stored in listed.items() if _is_wanted(name)}
    if not parts:
        raise _missing(source)
    return _of_directory(source, _read_all(s3, parts))


def _read_all(s3: S3Client, parts: Mapping[str, objects.StoredObject]) -> dict[str, bytes]:
    """A thousand small objects: by threads, as many as the client keeps connections."""
    from concurrent.futures import ThreadPoolExecutor

    if sum(stored.size for stored in parts.values()) > _BYTES_AT_MOST:
        raise PermanentFailure("release-too-large", "the release has more than {limit} bytes", limit=_BYTES_AT_MOST)
    with ThreadPoolExecutor(max_workers=16) as threads:
        read = threads.map(lambda stored: objects.read_bytes(s3, stored, limit=_BYTES_AT_MOST), parts.values())
        return dict(zip(parts, read, strict=True))


def _of_directory(where: str, files: Mapping[str, bytes]) -> Source:
    digests = "".join(f"{_digest(files[name])}  {name}\n" for name in sorted(files))
    return _source(where, files, _digest(digests.encode()))


def _of_file(where: str, content: bytes) -> Source:
    name = PurePosixPath(where).name
    return _source(where, _unpacked(name, content, where), _digest(content))


def _source(where: str, files: Mapping[str, bytes], sha256: str) -> Source:
    if not files:
        raise PermanentFailure(
            "no-bank-master", "{where} holds no bank master: neither banks.json nor a CSV", where=where
        )
    return Source(where, _version(where, files) or sha256[:12], sha256, files)


def _unpacked(name: str, content: bytes, where: str) -> dict[str, bytes]:
    try:
        if name.endswith((".whl", ".zip")):
            return dict(_zipped(content, where))
        if name.endswith((".tgz", ".tar.gz")):
            return dict(_tarred(content, where))
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, *_UNPACKABLE) as error:
        raise PermanentFailure(
            "archive-broken", "{where} cannot be unpacked: {reason}", where=where, reason=str(error)
        ) from error
    return {name: content}


def _zipped(content: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        entries = [entry for entry in packed.infolist() if _is_wanted(entry.filename)]
        _check_room(sum(entry.file_size for entry in entries), where)
        for entry in entries:
            yield entry.filename, packed.read(entry)


def _tarred(content: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as packed:
        total = 0
        for entry in packed:
            total += entry.size  # members that are skipped are unpacked as well
            _check_room(total, where)
            body = packed.extractfile(entry) if entry.isfile() and _is_wanted(entry.name) else None
            if body is not None:
                yield entry.name, body.read()


def _check_room(size: int, where: str) -> None:
    if size > _BYTES_AT_MOST:
        raise PermanentFailure(
            "archive-too-large", "{where} unpacks to more than {limit} bytes", where=where, limit=_BYTES_AT_MOST
        )


def _is_wanted(name: str) -> bool:
    return bool(_WANTED.search(name)) and not _LICENCES.search(name)


def _version(where: str, files: Mapping[str, bytes]) -> str:
    """What the file's name says, else the release's own `updated_at`."""
    named = _VERSION.search(PurePosixPath(where.rstrip("/")).name)
    if named:
        return named[1]
    for name, content in files.items():
        if PurePosixPath(name).name == "updated_at":
            return re.sub(r"[^\x20-\x7e]", "", content.decode("utf-8", "replace")).strip()[:40]
    dated = _DAY.search(PurePosixPath(where.rstrip("/")).name)
    return dated[0] if dated else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
