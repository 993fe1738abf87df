"""A release, read, checked and kept: Parquet in the lake, provenance in Postgres."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.core.messages import Message, kept, restored
from batch_platform.zengin import kana
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.messages import and_more
from batch_platform.zengin.model import CHANGESET_TRANSITIONS, VALUES, ChangesetStatus, Provenance
from batch_platform.zengin.readers import encoding_of, read_release
from batch_platform.zengin.service.context import ZenginContext
from batch_platform.zengin.service.sources import read_source
from batch_platform.zengin.store.snapshots import SnapshotRow

if TYPE_CHECKING:
    from batch_platform.zengin.store import Session

INGEST_CHECKS: Final = {
    "keys_and_shape": "codes have four and three digits, each key occurs once, names fit; else nothing is kept",
    "orphan_files": "no bank has newly left branches behind; those of banks that are gone are left out",
    "characters": "every kana name can be written in a transfer file",
    "complete": "every bank and branch has kana, hiragana and letters",
    "banks_have_branches": "every bank has a branch",
}
_SHOWN: Final = 10
_OPEN: Final = frozenset({ChangesetStatus.PENDING, ChangesetStatus.APPLIED})
"""What an open changeset may still become."""


@dataclass(frozen=True)
class IngestCheck:
    """One thing looked at on the way in."""

    name: str
    passed: bool
    description: str

    def stored(self) -> dict[str, Any]:
        """As JSON with the snapshot; `of_stored` is its inverse."""
        message = kept(self.description)
        return {**vars(self), "description": str(self.description), **({"message": message} if message else {})}

    @classmethod
    def of_stored(cls, check: Mapping[str, Any]) -> IngestCheck:
        return cls(check["name"], check["passed"], restored(check["description"], check.get("message")))


@dataclass(frozen=True)
class SnapshotOutcome:
    """A snapshot as it is kept; `taken` is False when it was there already."""

    snapshot_id: str
    business_date: date
    provenance: Provenance
    banks: int
    branches: int
    orphans: tuple[str, ...]
    checks: tuple[IngestCheck, ...]
    taken: bool
    encoding: str
    """Of the files that were read now: `cp932`, `UTF-8` …"""


def no_snapshot(day: date | None) -> NotFound:
    """Of a day, or at all."""
    if day is None:
        return NotFound("no-snapshot", "there is no snapshot", field="date")
    return NotFound("no-snapshot-of-day", "there is no snapshot of {day}", day=day, field="date")


def take_snapshot(
    context: ZenginContext, source: str, day: date | None = None, *, bootstrap: bool = False, dry_run: bool = False
) -> SnapshotOutcome:
    """Read a release and keep it as the snapshot of a JST business date (default: today).

    `bootstrap` says that an empty master may be filled from it. Raises `NotFound` for a source that is not there and
    `PermanentFailure` for one that cannot be read, such as duplicate keys, which it names.

    The release that arrived last is not taken again while its changes are open, nor is one of a past day again on
    that day. Any other arrival is a snapshot of its own, also with a content that was there before: a stale file has
    to be judged.
    """
    day = day or context.business_date()
    release = read_source(source, context.s3)
    context.progress(f"reading {len(release.files)} files of {release.where}")
    encoding = encoding_of(release.files, where=release.where)
    banks, branches, orphans = read_release(release.files, where=release.where)
    provenance = Provenance(
        release.where, release.version, release.sha256, content_hash(banks, branches), context.clock()
    )
    location = ""
    if not dry_run:
        location = context.lake.put(day, provenance.content_hash, {"banks": banks, "branches": branches})
    with context.store.transaction() as session:
        session.lock_proposals()
        newest = session.newest_snapshot()
        known = _same(session, newest, day, provenance.content_hash)
        checks = tuple(_checks(banks, branches, orphans, known or newest, encoding))
        row = known or SnapshotRow(
            id=_id(day, provenance.content_hash, newest),
            business_date=day,
            provenance=_after(provenance, newest),
            banks=banks.height,
            branches=branches.height,
            orphans=orphans,
            bootstrap=bootstrap,
            location=location,
            checks=[check.stored() for check in checks],
        )
        saved = dry_run or session.save_snapshot(replace(row, bootstrap=bootstrap))
        if known is None and not saved:
            raise PermanentFailure(
                "snapshot-not-registered",
                "snapshot {snapshot} of {where} was not registered",
                snapshot=row.id,
                where=release.where,
            )
    return SnapshotOutcome(
        row.id, day, row.provenance, row.banks, row.branches, row.orphans, checks, known is None, encoding
    )


def _same(session: Session, newest: SnapshotRow | None, day: date, content: str) -> SnapshotRow | None:
    """The snapshot this release is already: the newest one, or that of a past day that is taken once more."""
    if newest is None:
        return None
    if newest.business_date == day and newest.provenance.content_hash == content:
        return None if _is_closed(session, newest) else newest
    past = session.newest_snapshot(day) if day < newest.business_date else None
    return past if past is not None and past.provenance.content_hash == content else None


def _is_closed(session: Session, snapshot: SnapshotRow) -> bool:
    """Whether nothing of it has still to be judged, decided or applied."""
    changesets = session.changesets(ids=[changeset_id_of(snapshot.id)], limit=1)
    return snapshot.verdict is not None and all(
        not CHANGESET_TRANSITIONS[changeset.status] & _OPEN for changeset in changesets
    )


def changeset_id_of(snapshot_id: str) -> str:
    """The changeset of a snapshot is named after it."""
    return f"changeset-{snapshot_id.removeprefix('snapshot-')}"


def _id(day: date, content: str, newest: SnapshotRow | None) -> str:
    """Made of what precedes it: a killed run makes the same one again, a second arrival another."""
    text = f"{day} {content} {newest.id if newest else ''}"
    return f"snapshot-{day:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _after(provenance: Provenance, newest: SnapshotRow | None) -> Provenance:
    """Received after the one before it, whatever the clocks of two machines say: the order is that of arrival."""
    if newest is None or newest.provenance.received_at < provenance.received_at:
        return provenance
    return replace(provenance, received_at=newest.provenance.received_at + timedelta(microseconds=1))


def _checks(
    banks: pl.DataFrame, branches: pl.DataFrame, orphans: tuple[str, ...], before: SnapshotRow | None, encoding: str
) -> Iterator[IngestCheck]:
    yield IngestCheck(
        "keys_and_shape",
        True,
        Message(
            "keys-and-shape",
            "{banks} banks and {branches} branches, each once; read as {encoding}",
            banks=f"{banks.height:,}",
            branches=f"{branches.height:,}",
            encoding=encoding,
        ),
    )
    known = set(before.orphans) if before else set(orphans)
    new = [code for code in orphans if code not in known]
    news = (
        Message("so-many-new", "new: {codes}", codes=_some(new)) if new else Message("none-new", "none of them new")
    )
    gone = Message("files-of-gone-banks", "{count} files of banks that are gone, {new}", count=len(orphans), new=news)
    yield IngestCheck("orphan_files", not new, gone)
    odd = [f"{key} {name}" for key, name in _kana_names(banks, branches) if kana.unexportable(name)]
    yield IngestCheck(
        "characters",
        not odd,
        Message(
            "names-unwritable",
            "{count} names hold letters that a transfer cannot carry: {names}",
            count=len(odd),
            names=_some(odd),
        )
        if odd
        else Message("names-writable", "every name can be written"),
    )
    lacking = _incomplete(banks, branches)
    yield IngestCheck(
        "complete",
        not lacking,
        Message(
            "names-incomplete",
            "{count} banks and branches lack kana, hiragana or letters: {names}",
            count=len(lacking),
            names=_some(lacking),
        )
        if lacking
        else Message("names-complete", "every bank and branch has kana, hiragana and letters"),
    )
    empty = banks.join(branches, on="bank_code", how="anti").get_column("bank_code").to_list()
    yield IngestCheck(
        "banks_have_branches",
        not empty,
        Message("banks-without-branch", "without a branch: {codes}", codes=_some(empty))
        if empty
        else Message("banks-with-branches", "every bank has a branch"),
    )


def _incomplete(banks: pl.DataFrame, branches: pl.DataFrame) -> list[str]:
    """Key and name of what has an empty value: real releases lost the kana of 34 banks at once."""
    names: list[str] = []
    for frame, key, of in (
        (banks, pl.col("bank_code"), "bank"),
        (branches, pl.concat_str("bank_code", "branch_code", separator="-"), "branch"),
    ):
        empty = pl.any_horizontal(pl.col(f"{of}_{value}").str.strip_chars() == "" for value in VALUES)
        named = frame.filter(empty).select(pl.concat_str(key, pl.col(f"{of}_name"), separator=" ").alias("named"))
        names += named.get_column("named").to_list()
    return names


def _kana_names(banks: pl.DataFrame, branches: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Names with anything but full-width kana, digits and capitals, which are nearly all: the rest is looked at."""
    usual = r"^[ァ-ヶ－（）．・　０-９Ａ-Ｚ]*$"
    for frame, key, name in (
        (banks, pl.col("bank_code"), "bank_kana"),
        (branches, pl.concat_str("bank_code", "branch_code", separator="-"), "branch_kana"),
    ):
        yield from frame.filter(~pl.col(name).str.contains(usual)).select(key.alias("key"), name).iter_rows()


def _some(values: list[str]) -> str:
    return and_more(", ".join(values[:_SHOWN]), len(values) - _SHOWN)
