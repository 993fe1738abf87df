"""The line items of published months on local disk, for queries that the cost tables are too coarse for.

A month's normalised files are kept together in one folder of a cache, named by the hashes of their bytes: what a
version's files became when they were read again stands in another folder. A folder appears by a rename when it is
whole and verified, and is locked (flock) for as long as somebody reads it, so that neither a process that is killed
nor one that makes room takes a file from under a reader.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import uuid4

from batch_platform.core import objects
from batch_platform.core.failures import NotFound, PermanentFailure, TransientFailure
from batch_platform.core.messages import Parameter
from batch_platform.finops.model import FileStatus, PublishedMonth, Stamp
from batch_platform.finops.service.context import FinopsContext

_DOWNLOADS: Final = 4
_TRIES: Final = 2
_PART: Final = ".part-"

_downloading = threading.Lock()

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Contents:
    """What the lake holds of a published month: its normalised files (rows of `finops_billing_files`)."""

    stamp: Stamp
    published: PublishedMonth
    files: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """Names the files and their bytes."""
        hashes = [f"{_name(file)} {file['line_items_sha256']}" for file in self.files]
        return sha256("\n".join(hashes).encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class LineItems:
    """A published month and its normalised files (normalize.py tells their columns), in the order of its manifest.

    `stamp` and `published` are those the files belong to; a month without a row may have no file.
    """

    stamp: Stamp
    published: PublishedMonth
    files: tuple[Path, ...]


class LineItemsLost(PermanentFailure):
    """A normalised file (a row of `finops_billing_files`) is not in the lake any more, or not as it was written."""

    def __init__(self, file: dict[str, Any], message_id: str, text: str, /, **parameters: Parameter) -> None:
        super().__init__(message_id, text, **parameters)
        self.file = file


class MonthReplaced(TransientFailure):
    """A month was published again while its line items were looked at."""


@contextmanager
def line_items(context: FinopsContext, project_id: str, month: date) -> Iterator[LineItems]:
    """The month's line items, all of the version that is published; the paths are good inside the `with` block.

    Raises `NotFound` for a month that is not published, `TransientFailure` while its files are being read again,
    `LineItemsLost`, which says what to do, when the lake has lost one.
    """
    with ExitStack() as held:

        def hold(months: Sequence[Contents]) -> LineItems:
            [contents] = months
            return LineItems(contents.stamp, contents.published, held.enter_context(on_disk(context, contents)))

        yield with_contents(context, project_id, [month], hold)


def with_contents(
    context: FinopsContext, project_id: str, months: Sequence[date], use: Callable[[Sequence[Contents]], Value]
) -> Value:
    """What `use` makes of published months, called again when one is replaced meanwhile. Raises as `line_items`."""
    tried: list[Any] = []
    while True:
        published = [contents_of(context, project_id, month) for month in months]
        try:
            return use(published)
        except (LineItemsLost, MonthReplaced) as error:
            seen = [(contents.stamp, contents.files) for contents in published]
            if seen in tried or len(tried) == _TRIES:
                raise (_advice(published, error) if isinstance(error, LineItemsLost) else error) from error
            tried.append(seen)


def contents_of(context: FinopsContext, project_id: str, month: date) -> Contents:
    """As of one moment. Raises `NotFound`."""
    with context.store.snapshot() as session:
        session.project(project_id)
        published, stamps = session.month(project_id, month), session.stamps([(project_id, month)])
        if published is None or not stamps:
            raise NotFound(
                "month-not-published",
                "project {project} has no published costs for {month}",
                project=project_id,
                month=f"{month:%Y-%m}",
                field="month",
            )
        return Contents(stamps[0], published, session.files(project_id, month=month, version=published.version))


@contextmanager
def on_disk(context: FinopsContext, contents: Contents) -> Iterator[tuple[Path, ...]]:
    """The normalised files, verified and locked. Raises `LineItemsLost`."""
    files = contents.files
    if not files:
        yield ()
        return

    def fill(folder: Path) -> None:
        with ThreadPoolExecutor(_DOWNLOADS, thread_name_prefix="finops-lake") as pool:
            list(pool.map(lambda file: download_line_items(context, file, folder), files))

    with kept_folder(context, contents.name, len(files), fill, alone=_downloading) as folder:
        yield tuple(folder / _name(file) for file in files)


def _advice(months: Sequence[Contents], lost: LineItemsLost) -> TransientFailure | LineItemsLost:
    """What whoever asked is told to do."""
    project_id, month = lost.file["project_id"], lost.file["billing_month"]
    files = [file for contents in months for file in contents.files if file["billing_month"] == month]
    if any(file["status"] != FileStatus.DONE for file in files):
        return TransientFailure(
            "line-items-being-read",
            "the line items of {project} {month} are being read again; ask again when they are",
            project=project_id,
            month=f"{month:%Y-%m}",
        )
    again = f"batch-platform cur requeue {project_id} --month {month:%Y-%m} --all"
    return LineItemsLost(
        lost.file,
        "line-items-lost",
        "{reason}; have the delivered files read again: {command}",
        reason=lost.message,
        command=again,
    )


def download_line_items(context: FinopsContext, file: dict[str, Any], folder: Path) -> Path:
    """A normalised file of the lake (a row of `finops_billing_files`), byte for byte what was recorded of it.

    Raises `LineItemsLost` when it is gone or altered.
    """
    key = file["line_items_key"]
    where = objects.uri(context.lake_bucket, key or "")
    stored = objects.head(context.lake, context.lake_bucket, key) if key else None
    if stored is None:
        raise LineItemsLost(file, "line-items-gone", "{uri} is gone", uri=where)
    path = objects.download(context.lake, stored, folder / _name(file), backoff=context.backoff)
    with path.open("rb") as written:
        digest = file_digest(written, "sha256").hexdigest()
    if digest != file["line_items_sha256"]:
        raise LineItemsLost(file, "line-items-altered", "{uri} was altered", uri=where)
    return path


@contextmanager
def kept_folder(
    context: FinopsContext, name: str, count: int, fill: Callable[[Path], None], *, alone: threading.Lock
) -> Iterator[Path]:
    """A folder of `count` files in the cache, filled when it is not there, locked against removal.

    `alone`: of the threads of this process one fills at a time; who waited for it finds the folder.
    """
    root = _root(context)
    with ExitStack() as held:
        with _in_words(root):
            cache = _Cache(root, context.line_items_bytes)
            folder = cache.hold(name, count, held)
            if folder is None:
                with alone:
                    folder = cache.hold(name, count, held)
                    if folder is None:
                        with cache.part() as part:
                            fill(part)
                            _sync([*part.iterdir(), part])
                            folder = cache.keep(part, name, held)
                cache.make_room()
        yield folder


@contextmanager
def _in_words(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(root)):
            raise
        raise TransientFailure(
            "no-room-for-line-items",
            "{file}: {reason}; the cache of line items needs room",
            file=error.filename,
            reason=str(error.strerror),
        ) from error


class _Cache:
    """Folders below `root`, `room` bytes in all but for those that are in use."""

    def __init__(self, root: Path, room: int) -> None:
        self._root, self._room = root, room
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root.is_symlink() or root.stat().st_uid != os.getuid():
            raise PermanentFailure(
                "cache-of-another-user",
                "{folder} belongs to another user; set TMPDIR to a folder of your own",
                folder=root,
            )

    def hold(self, name: str, count: int, held: ExitStack) -> Path | None:
        """The folder if it is there with all its files, locked until `held` is closed."""
        folder = self._root / name
        with self._alone():
            if not folder.is_dir():
                return None
            if len(list(folder.iterdir())) != count:  # who cleans temporary folders takes single files
                folder.rename(self._root / f"{_PART}{uuid4().hex}")
                return None
            self._lock(folder, held)
            os.utime(folder)
        return folder

    @contextmanager
    def part(self) -> Iterator[Path]:
        """A folder to fill; one that was not kept is removed, after a kill by the next to make room."""
        part = self._root / f"{_PART}{uuid4().hex}"
        with ExitStack() as held:
            with self._alone():
                part.mkdir()
                self._lock(part, held)
            try:
                yield part
            finally:
                shutil.rmtree(part, ignore_errors=True)

    def keep(self, part: Path, name: str, held: ExitStack) -> Path:
        """Let a whole folder appear under its name; another process's that is there already is as good."""
        folder = self._root / name
        with self._alone():
            if not folder.is_dir():
                part.rename(folder)
            self._lock(folder, held)
        return folder

    def make_room(self) -> None:
        """Remove what killed processes left, and the longest unused folders while there are too many bytes."""
        with self._alone():
            for part in self._root.glob(f"{_PART}*"):
                self._remove(part)
            folders = [entry for entry in self._root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
            sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in folders}
            total = sum(sizes.values())
            for folder in sorted(folders, key=lambda entry: entry.stat().st_mtime):
                if total <= self._room:
                    break
                if self._remove(folder):
                    total -= sizes[folder]

    def _remove(self, folder: Path) -> bool:
        """Whether it could be removed: nobody holds it."""
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            shutil.rmtree(folder)
            return True
        finally:
            os.close(place)

    def _lock(self, folder: Path, held: ExitStack) -> None:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        held.callback(os.close, place)
        fcntl.flock(place, fcntl.LOCK_SH)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process or thread looks at, locks, renames or removes folders."""
        place = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(place, fcntl.LOCK_EX)
            yield
        finally:
            os.close(place)


def _root(context: FinopsContext) -> Path:
    """The same folder for all processes of this user, whose paths nobody else may write."""
    return (context.scratch or Path(tempfile.gettempdir())) / f"batch-platform-line-items-{os.getuid()}"


def _name(file: dict[str, Any]) -> str:
    return f"{file['file_no']:05d}.parquet"


def _sync(paths: Sequence[Path]) -> None:
    for path in paths:
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
