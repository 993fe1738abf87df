"""Batch B, first half: every delivered file once, as normalised Parquet in the lake.

Files are claimed with a lease and a fencing number, so any number of workers share a month, and one that died gives
its files back. What a file becomes depends on its bytes alone: a second worker writes the same object again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import partial
from gzip import BadGzipFile
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
import structlog

from batch_platform.core import objects
from batch_platform.core.failures import PermanentFailure, PlatformError
from batch_platform.core.leases import KeptLease
from batch_platform.core.logs import bound
from batch_platform.core.messages import Message
from batch_platform.finops.columns import Layout
from batch_platform.finops.container import BROKEN_STREAM, Container, container_of, csv_header, unzip
from batch_platform.finops.model import ClaimedFile, FileStatus
from batch_platform.finops.normalize import normalise_csv, normalise_parquet
from batch_platform.finops.parquet_columns import repeated_keys
from batch_platform.finops.service.context import ATTEMPTS, FinopsContext
from batch_platform.finops.service.faults import one_sentence, reason_of
from batch_platform.finops.validation import FileFacts, check_file

_log = structlog.get_logger(__name__)

_ROW_GROUP: Final = 50_000
"""Rows that wait in memory to be written together."""
_AT_ONCE: Final = 2
"""Files that one worker reads; each keeps a processor busy and needs some 100 MB."""

_UNREADABLE: Final[tuple[type[Exception], ...]] = (pl.exceptions.PolarsError, *BROKEN_STREAM, UnicodeDecodeError)

_Normalised = tuple[str, str, FileFacts]
"""Where the file stands in the lake, the SHA-256 of its bytes, and the facts of its rows."""


@dataclass
class AggregateOutcome:
    """What became of the files one worker claimed.

    `errors`: a sentence for each file at fault. `put_back`: one for each that may be read later.
    """

    done: int = 0
    rows: int = 0
    source_bytes: int = 0
    lost: int = 0
    errors: list[str] = field(default_factory=list)
    put_back: list[str] = field(default_factory=list)

    @property
    def claimed(self) -> int:
        return self.done + self.lost + len(self.errors) + len(self.put_back)


def read_files(
    context: FinopsContext, *, project_id: str | None = None, month: date | None = None, limit: int | None = None
) -> AggregateOutcome:
    """Claim and normalise pending files until none is left or `limit` files were claimed.

    A file at fault becomes ERROR with its reason and stops no other; one that may be read later returns to
    PENDING and ends this worker's turn.
    """
    outcome = AggregateOutcome()
    renew = partial(_renew_leases, context)
    with KeptLease(renew, every=context.lease.total_seconds() / 3, name="finops-leases"):
        while limit is None or outcome.claimed < limit:
            room = 1000 if limit is None else limit - outcome.claimed
            batch = _claim(context, project_id, month, room)
            if not batch:
                break
            _read_batch(context, batch, outcome)
            if outcome.put_back:
                break
    return outcome


def _claim(context: FinopsContext, project_id: str | None, month: date | None, limit: int) -> list[ClaimedFile]:
    context.free_dead_work()
    with context.store.autocommit() as session:
        return session.claim(
            project_id=project_id,
            month=month,
            limit=limit,
            shard_bytes=context.shard_bytes,
            owner=context.owner,
            lease_expires_at=context.clock() + context.lease,
        )


def _renew_leases(context: FinopsContext) -> None:
    with context.store.autocommit() as session:
        session.renew_leases(context.owner, lease_expires_at=context.clock() + context.lease)


def _read_batch(context: FinopsContext, batch: Sequence[ClaimedFile], outcome: AggregateOutcome) -> None:
    """Normalise a batch, two files at once, the next one's bytes arriving meanwhile; note them in their order."""
    with context.store.transaction() as session:
        connections = {c.project_id: c for c in session.projects()}
    # a project that was removed meanwhile took its files along
    removed = [file for file in batch if file.project_id not in connections]
    outcome.lost += len(removed)
    batch = [file for file in batch if file.project_id in connections]
    with (
        TemporaryDirectory(prefix="finops-", dir=context.scratch) as folder,
        ThreadPoolExecutor(1, thread_name_prefix="finops-download") as downloads,
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="finops-read") as readers,
    ):
        ahead: list[Future[Path]] = []
        reading: deque[tuple[ClaimedFile, Future[_Normalised]]] = deque()
        for position, file in enumerate(batch):
            if len(reading) == _AT_ONCE:
                _note(context, *reading.popleft(), outcome)
            while len(ahead) < min(position + 2, len(batch)):
                coming = batch[len(ahead)]
                target = Path(folder) / f"{len(ahead)}.source"
                client = context.source(connections[coming.project_id])
                ahead.append(
                    downloads.submit(objects.download, client, coming.stored, target, backoff=context.backoff)
                )
            reading.append((file, readers.submit(_read_one, context, file, ahead[position])))
        while reading:
            _note(context, *reading.popleft(), outcome)


def _read_one(context: FinopsContext, file: ClaimedFile, download: Future[Path]) -> _Normalised:
    with one_sentence(file.stored.uri):
        source = download.result()
        try:
            return _normalise(context, file, source)
        finally:
            source.unlink()


def _note(
    context: FinopsContext, file: ClaimedFile, normalised: Future[_Normalised], outcome: AggregateOutcome
) -> None:
    """Write down what became of a file; only this thread does so, in the files' order."""
    with bound(project_id=file.project_id, object_key=file.stored.key, month=f"{file.month:%Y-%m}"):
        try:
            written = normalised.result()
        except PlatformError as error:
            held = _note_failed(context, file, error, outcome)
        else:
            held = _note_done(context, file, written, outcome)
        if not held:
            outcome.lost += 1
            _log.warning("cur_file_lost", reason="its lease ran out or its version was superseded")


def _note_done(context: FinopsContext, file: ClaimedFile, written: _Normalised, outcome: AggregateOutcome) -> bool:
    """False when this worker no longer holds the file."""
    key, digest, facts = written
    with context.store.autocommit() as session:
        held = session.finish(
            file,
            key=key,
            sha256=digest,
            row_count=facts.row_count,
            stats=asdict(facts),
            now=context.clock(),
        )
    if held:
        outcome.done += 1
        outcome.rows += facts.row_count
        outcome.source_bytes += file.stored.size
        _log.info("cur_file_done", rows=facts.row_count)
        context.progress(f"{file.project_id} {file.month:%Y-%m}: {facts.row_count:,} rows of {file.stored.key}")
    return held


def _note_failed(context: FinopsContext, file: ClaimedFile, error: PlatformError, outcome: AggregateOutcome) -> bool:
    """False when this worker no longer holds the file: who overtook it may have cleared its copy out of the lake."""
    status = _status_after(error, file)
    with context.store.autocommit() as session:
        held = session.give_back(file, status, error.message)
    if held:
        sentences = outcome.errors if status is FileStatus.ERROR else outcome.put_back
        sentences.append(Message("of-project", "{project}: {reason}", project=file.project_id, reason=error.message))
        _log.warning("cur_file_failed", status=status.value, reason=error.message)
    return held


def _status_after(error: PlatformError, file: ClaimedFile) -> FileStatus:
    if error.permanent or file.failures + 1 >= ATTEMPTS:
        return FileStatus.ERROR
    return FileStatus.PENDING


def _normalise(context: FinopsContext, file: ClaimedFile, source: Path) -> _Normalised:
    """Write the normalised file to the lake."""
    where = file.stored.uri
    target = source.with_suffix(".parquet")
    layout, rows = _open(source, where=where)
    with _reading(where):
        rows.sink_parquet(
            target, compression="zstd", compression_level=1, statistics=False, row_group_size=_ROW_GROUP
        )
        facts = check_file(pl.scan_parquet(target), layout, month=file.month, where=where)
        if container_of(source, where=where) is Container.PARQUET:
            facts = replace(facts, repeated_keys=repeated_keys(source))
    prefix = context.line_items_prefix(file.project_id, file.month)
    key = f"{prefix}{file.version}/{file.file_no:05d}.parquet"
    objects.put_file(context.lake, target, context.lake_bucket, key)
    with target.open("rb") as written:
        digest = file_digest(written, "sha256").hexdigest()
    target.unlink()
    return key, digest, facts


def _open(source: Path, *, where: str) -> tuple[Layout, pl.LazyFrame]:
    container = container_of(source, where=where)
    with _reading(where):
        if container is Container.PARQUET:
            return normalise_parquet(source, where=where)
        if container is not Container.ZIP:
            return normalise_csv(source, header=csv_header(source, where=where), where=where)
        folder = source.with_suffix(".members")
        folder.mkdir()
        unzipped = unzip(source, into=folder, where=where)
        members = [
            normalise_csv(member, header=csv_header(member, where=place), where=place)
            for name, member in unzipped
            for place in [where if len(unzipped) == 1 else f"{where}: {name}"]
        ]
    return _merged([layout for layout, _ in members], where=where), pl.concat([r for _, r in members], how="diagonal")


def _merged(layouts: Sequence[Layout], *, where: str) -> Layout:
    """One layout with the columns of all members of an archive."""
    first = layouts[0]
    if any(layout.format is not first.format for layout in layouts):
        raise PermanentFailure("zip-mixes-formats", "{where}: the zip mixes formats", where=where)
    return Layout(
        first.format,
        text={ours: theirs for layout in layouts for ours, theirs in layout.text.items()},
        money={ours: theirs for layout in layouts for ours, theirs in layout.money.items()},
        figures={ours: theirs for layout in layouts for ours, theirs in layout.figures.items()},
        carried=tuple(dict.fromkeys(name for layout in layouts for name in layout.carried)),
    )


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """Turn what a broken file makes the reader raise into one sentence that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the machine's disk, not the file
        reason = reason_of(error)
        if isinstance(error, BadGzipFile):
            reason = f"wrong checksum or length: {error}"
        raise PermanentFailure(
            "file-broken", "{where}: broken or truncated file ({reason})", where=where, reason=reason
        ) from error
