"""What a delivered file really is: recognised by its first bytes, never by its name.

A zip member is already a deflate stream with a CRC and a size, so it becomes a gzip file by a new header and
trailer, without being inflated.
"""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from isal import igzip, isal_zlib

from batch_platform.core.failures import PermanentFailure

_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_COPY_BYTES: Final = 1 << 20
_HEADER_BYTES_AT_MOST: Final = 1 << 20
BROKEN_STREAM: Final[tuple[type[Exception], ...]] = (EOFError, OSError, isal_zlib.error)  # type: ignore[assignment]
"""What reading a broken gzip file raises."""
_NO_HEADER: Final[tuple[type[Exception], ...]] = (*BROKEN_STREAM, UnicodeDecodeError, csv.Error)
_LOCAL_FILE_HEADER: Final = struct.Struct("<26xHH")


class Container(StrEnum):
    GZIP = "gzip"
    ZIP = "zip"
    PARQUET = "parquet"
    TEXT = "text"


def container_of(path: Path, *, where: str) -> Container:
    """The container by magic bytes. Raises `PermanentFailure` for a file of zero bytes."""
    with path.open("rb") as file:
        magic = file.read(4)
    if not magic:
        raise PermanentFailure("file-empty", "{where}: the file has zero bytes", where=where)
    if magic.startswith(b"\x1f\x8b"):
        return Container.GZIP
    if magic.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Container.ZIP
    if magic == b"PAR1":
        return Container.PARQUET
    return Container.TEXT


def unzip(path: Path, *, into: Path, where: str) -> list[tuple[str, Path]]:
    """Rewrap every member of a zip as a gzip file in `into`: their names and files, in the archive's order.

    Raises `PermanentFailure` for a broken, empty or encrypted archive, or another compression than deflate.
    """
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if not members:
                raise PermanentFailure("zip-empty", "{where}: the zip holds no file", where=where)
            return [
                (member.filename, _rewrap(member, raw, into / f"{number}.csv.gz", where=where))
                for number, member in enumerate(members)
            ]
    except (zipfile.BadZipFile, struct.error, EOFError) as error:
        raise PermanentFailure(
            "zip-broken", "{where}: broken or truncated zip ({reason})", where=where, reason=str(error)
        ) from error


def _rewrap(member: zipfile.ZipInfo, raw: BinaryIO, target: Path, *, where: str) -> Path:
    if member.flag_bits & 0x1 or member.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        raise PermanentFailure(
            "zip-member-unreadable",
            "{where}: member {member} is encrypted or not deflated",
            where=where,
            member=member.filename,
        )
    raw.seek(member.header_offset)
    name_length, extra_length = _LOCAL_FILE_HEADER.unpack(raw.read(_LOCAL_FILE_HEADER.size))
    raw.seek(name_length + extra_length, io.SEEK_CUR)
    deflated = member.compress_type == zipfile.ZIP_DEFLATED
    with target.open("wb") as out:
        if deflated:
            out.write(_GZIP_HEADER)
        crc = _copy(raw, out, member.compress_size, where=where)
        if not deflated and crc != member.CRC:
            raise PermanentFailure(
                "zip-member-crc", "{where}: member {member} has a wrong CRC", where=where, member=member.filename
            )
        if deflated:
            out.write(struct.pack("<II", member.CRC, member.file_size & 0xFFFFFFFF))
    return target


def _copy(source: BinaryIO, target: BinaryIO, size: int, *, where: str) -> int:
    """Copy `size` bytes; their CRC."""
    crc = 0
    while size:
        chunk = source.read(min(size, _COPY_BYTES))
        if not chunk:
            raise PermanentFailure("zip-truncated", "{where}: truncated zip", where=where)
        target.write(chunk)
        crc = zlib.crc32(chunk, crc)
        size -= len(chunk)
    return crc


def inflated(path: Path) -> io.BufferedReader:
    """The bytes of a file, or what they are if it is gzip. Reading a broken one raises one of `BROKEN_STREAM`."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    opener = igzip.open if zipped else open
    return opener(path, "rb")


def csv_header(path: Path, *, where: str) -> list[str]:
    """The column names of a CSV file: its first record, without a byte order mark.

    Raises `PermanentFailure` when there is none, or it is not UTF-8.
    """
    try:
        with inflated(path) as file:
            record = next(csv.reader(_text_lines(file)), [])
    except _NO_HEADER as error:
        raise PermanentFailure(
            "header-unreadable", "{where}: cannot read the header ({reason})", where=where, reason=str(error)
        ) from error
    if not record:
        raise PermanentFailure("no-header", "{where}: no header line", where=where)
    return record


def _text_lines(file: io.BufferedReader) -> Iterable[str]:
    first = file.readline(_HEADER_BYTES_AT_MOST).removeprefix(b"\xef\xbb\xbf")
    yield first.decode()
    while line := file.readline(_HEADER_BYTES_AT_MOST):
        yield line.decode()
