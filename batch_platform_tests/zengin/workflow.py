"""The whole workflow in a few words: releases in, decisions by named accounts, the master out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from batch_platform.zengin import service
from batch_platform.zengin.model import Changeset, Limits, Record, Verdict
from batch_platform.zengin.readers import read_release
from batch_platform.zengin.service import ZenginContext

if TYPE_CHECKING:
    from batch_platform_tests.zengin.clock import SteppingClock

DATA = Path(__file__).parents[1] / "data" / "zengin"
ANN, BEN, CAT = "local:ann", "local:ben", "local:cat"
DAY = date(2026, 11, 10)
# excerpts are small: a handful of rows is a large share of them
GENEROUS = Limits(
    bank_additions_percent=300,
    bank_updates_percent=300,
    bank_deletions_percent=90,
    branch_additions_percent=300,
    branch_updates_percent=300,
    branch_deletions_percent=90,
    truncation_banks=50,
    truncation_branches=50,
)

Files = Mapping[str, Any]


def replay() -> dict[str, dict[str, Files]]:
    """Excerpts of real releases in their order: files by path, as JSON."""
    releases: dict[str, dict[str, Files]] = json.loads((DATA / "replay.json").read_text())
    return releases


def written(folder: Path, files: Files) -> str:
    """The directory of a release."""
    (folder / "branches").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False))
    return str(folder)


def frames(files: Files) -> tuple[pl.DataFrame, pl.DataFrame]:
    banks, branches, _ = read_release({name: json.dumps(rows).encode() for name, rows in files.items()}, where="test")
    return banks, branches


def release(rows: Mapping[str, str]) -> dict[str, Any]:
    """A release of names by key: {"0001": "みずほ", "0001-001": "本店"}."""
    files: dict[str, Any] = {"banks.json": {}}
    for key, name in rows.items():
        bank, _, branch = key.partition("-")
        entry = {"code": branch or bank, "name": name, "kana": "カナ", "hira": "かな", "roma": "kana"}
        if branch:
            files.setdefault(f"branches/{bank}.json", {})[branch] = entry
        else:
            files["banks.json"][bank] = entry
            files.setdefault(f"branches/{bank}.json", {})
    return files


SMALL = {
    "0001": "みずほ",
    "0001-001": "東京営業部",
    "0001-004": "丸の内中央",
    "0005": "三菱ＵＦＪ",
    "0005-001": "本店",
    "0005-002": "丸の内",
    "0009": "三井住友",
    "0009-001": "本店営業部",
}


@dataclass
class Workflow:
    """One master and its way through releases, a day after another."""

    context: ZenginContext
    folder: Path
    clock: SteppingClock
    taken: list[str] = field(default_factory=list)

    @property
    def day(self) -> date:
        return self.context.business_date()

    def limited(self, **changes: Any) -> Workflow:
        return replace(self, context=replace(self.context, limits=replace(self.context.limits, **changes)))

    def take(self, files: Files, *, bootstrap: bool = False) -> service.SnapshotOutcome:
        """A release of this day."""
        path = self.folder / f"release-{len(self.taken)}"
        self.taken.append(written(path, files))
        return service.take_snapshot(self.context, self.taken[-1], self.day, bootstrap=bootstrap)

    def propose(self, files: Files, *, bootstrap: bool = False) -> service.Proposal:
        """A release of the next day, compared."""
        self.clock.pass_by(timedelta(days=1))
        self.take(files, bootstrap=bootstrap)
        return service.propose(self.context, self.day)

    def approve(self, changeset: Changeset, *accounts: str) -> service.ChangesetDecision:
        """By as many accounts as it needs, unless they are named."""
        for account in accounts or (ANN, BEN)[: changeset.needs_approvals]:
            done = service.approve_changeset(
                self.context,
                changeset.id,
                by=account,
                payload_hash=changeset.payload_hash,
                count=changeset.counts["rows"],
            )
        return done

    def apply(self, **options: Any) -> service.AppliedChangeset | None:
        outcome = service.apply(self.context, self.day, **options)
        return outcome.changesets[0] if outcome.changesets else None

    def load(self, rows: Mapping[str, str]) -> Changeset:
        """Fill the empty master."""
        return self.follow(release(rows), bootstrap=True)

    def follow(self, files: Files, *, bootstrap: bool = False) -> Changeset:
        """A release the whole way, approved when it is not held."""
        changeset = self.propose(files, bootstrap=bootstrap).changeset
        if changeset.verdict is Verdict.ACCEPTED:
            self.approve(changeset)
            self.apply()
        return self.now(changeset)

    def now(self, changeset: Changeset) -> Changeset:
        return service.changeset(self.context, changeset.id)

    def records(self, changeset: Changeset) -> dict[str, Record]:
        return {record.key or record.id: record for record in service.records_of(self.context, changeset.id)}

    def master(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        return service.master_as_of(self.context, None)

    def names(self, day: date | None = None) -> dict[str, str]:
        banks, branches = service.master_as_of(self.context, day)
        named = dict(banks.select("bank_code", "bank_name").rows())
        keys = pl.concat_str("bank_code", "branch_code", separator="-").alias("key")
        return named | dict(branches.select(keys, "branch_name").rows())

    def holds(self, files: Files) -> bool:
        return all(ours.equals(theirs) for ours, theirs in zip(self.master(), frames(files), strict=True))

    def history(self) -> list[dict[str, Any]]:
        return list(self._history())

    def _history(self) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            rows, cursor = service.history_of(self.context, limit=100, cursor=cursor)
            yield from rows
            if cursor is None:
                return
