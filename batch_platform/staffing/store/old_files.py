"""Files that time has passed by: logs go into an archive and later away, leftovers of dead processes at once."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from batch_platform.staffing.maintenance import Deed

ARCHIVED_AFTER: Final = timedelta(days=7)
DELETED_AFTER: Final = timedelta(days=90)
LEFT_AFTER: Final = timedelta(days=1)
"""A temporary file that nobody has touched for so long belongs to nobody."""

ARCHIVE: Final = "archive"
_LOG: Final = re.compile(r".+\.log(\.\d+)?")
_PARTIAL: Final = re.compile(r"\..+\.\d+")  # as the home's files are written before they are renamed
_SCRATCH: Final = ("finops-",)


def rotate_logs(folder: Path, now: datetime, *, dry_run: bool = False) -> Iterator[Deed]:
    """Compress logs that nobody has written to for 7 days into `archive`, and delete what is 90 days old there.

    A file keeps the moment of its last line. Killed half way, the next run writes the same archive once more.
    """
    archive = folder / ARCHIVE
    for path in _files(folder):
        if _LOG.fullmatch(path.name) and _age(path, now) >= ARCHIVED_AFTER and path.stat().st_size:
            yield _try("logs", path, "archive", None if dry_run else partial(_archive, path, archive))
    for path in _files(archive):
        if _age(path, now) >= DELETED_AFTER:
            yield _try("logs", path, "delete", None if dry_run else path.unlink)


def remove_leftovers(home: Path, now: datetime, *, dry_run: bool = False) -> Iterator[Deed]:
    """Delete temporary files of ours, in the home and among the system's, that are a day old."""
    hidden = [path for folder in (home, home / "logs" / ARCHIVE) for path in _files(folder)]
    leftovers = [path for path in hidden if _PARTIAL.fullmatch(path.name)]
    scratch = Path(tempfile.gettempdir())
    leftovers += [path for prefix in _SCRATCH for path in sorted(scratch.glob(f"{prefix}*")) if _is_ours(path)]
    for path in leftovers:
        if _age(path, now) >= LEFT_AFTER:
            yield _try("temporary-files", path, "delete", None if dry_run else partial(_remove, path))


def room(folder: Path) -> tuple[int, int]:
    """Free bytes and all bytes of the folder's disk."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def _archive(path: Path, archive: Path) -> None:
    archive.mkdir(exist_ok=True)
    status = path.stat()
    written = datetime.fromtimestamp(status.st_mtime, UTC)
    target = archive / f"{path.name}.{written:%Y%m%dT%H%M%SZ}.gz"
    unfinished = archive / f".{target.name}.{os.getpid()}"
    with path.open("rb") as source, gzip.open(unfinished, "wb") as packed:
        shutil.copyfileobj(source, packed)
    os.utime(unfinished, ns=(status.st_atime_ns, status.st_mtime_ns))
    if path.stat().st_mtime_ns != status.st_mtime_ns:  # somebody writes to it after all
        unfinished.unlink()
        return
    unfinished.replace(target)
    if path.suffix == ".log":
        os.truncate(path, 0)  # whoever has it open goes on writing in it
    else:
        path.unlink()


def _try(step: str, path: Path, did: str, act: Callable[[], object] | None) -> Deed:
    size = path.lstat().st_size
    try:
        if act is not None:
            act()
    except OSError as error:
        return Deed(step, str(path), did, size, error.strerror or type(error).__name__)
    return Deed(step, str(path), did, size)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _is_ours(path: Path) -> bool:
    return path.lstat().st_uid == os.getuid()


def _age(path: Path, now: datetime) -> timedelta:
    return now - datetime.fromtimestamp(path.lstat().st_mtime, UTC)
