"""Releases followed: what happens in the stores happens in the oracle's books too, and at the end both meet."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Final

from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.failures import Conflict
from batch_platform.proving.cases import Case
from batch_platform.proving.ground import START, SteppingClock
from batch_platform.settings import load_settings
from batch_platform.zengin import service
from batch_platform.zengin.proving.ground import Ground, release_files
from batch_platform.zengin.proving.judge import differences
from batch_platform.zengin.proving.oracle import Books, Change, End, Master, Values, changes
from batch_platform.zengin.service import ZenginContext

_BY: Final = ("local:ann", "local:ben")
_DAY: Final = timedelta(days=1)
LATER: Final = timedelta(hours=1)
"""Beyond any lease, by the clock of a case."""


@dataclass(frozen=True, kw_only=True)
class ReleaseCase(Case):
    """Releases of some banks, and what befalls the first one after the load; `edits`: somebody else edits a row."""

    banks: int
    edits: bool = False
    kills: int = 0


def follow(context: ZenginContext, source: str, day: date, *, bootstrap: bool = False) -> None:
    """The whole way of a release: snapshot, proposal, approvals, apply; each may have happened before."""
    service.take_snapshot(context, source, day, bootstrap=bootstrap)
    changeset = service.propose(context, day).changeset
    for account in _BY[: max(1, changeset.needs_approvals)]:
        try:
            service.approve_changeset(
                context,
                changeset.id,
                by=account,
                payload_hash=changeset.payload_hash,
                count=changeset.counts["rows"],
            )
        except Conflict as conflict:
            # by this account, or all decided and applied, before the kill
            if "another account" not in conflict.message and "nothing that waits" not in conflict.message:
                raise
    service.apply(context, day)


def release_worker(name: str) -> Callable[[str], None]:
    """A process that follows the release it is sent: its place and its day."""
    ground = Ground(load_settings(), name)

    def work(line: str) -> None:
        source, day = line.split()
        with ground.worker(utc_now) as context:
            follow(context, source, date.fromisoformat(day))

    return work


class Play:
    """The parts of a case: a loaded master, and the releases that follow."""

    def __init__(self, ground: Ground, case: ReleaseCase, clock: Clock | None = None) -> None:
        ground.clear()
        self.ground = ground
        self.case = case
        # the same releases at all points of a case, so that it has as many writes each time
        self.random = Random(f"{case.scenario} {case.seed} {case.number}")  # noqa: S311 (to be played again alike)
        self.stepping = SteppingClock()
        self.clock: Clock = clock or self.stepping
        self.books = Books()
        self.ends: list[End] = []
        self.day = START.date()
        self.proposed: list[Change] = []
        self.source = ""
        self._publish({key: _row(key, 0) for key in _keys(case.banks)})
        with ground.worker(self.clock) as calm:
            follow(calm, self.source, self.day, bootstrap=True)
        self.applied()

    # releases

    def release(self) -> None:
        """The release of the next day: some rows renamed, a bank that comes with its branches and one that goes."""
        self.day += _DAY
        self.stepping.pass_by(_DAY)
        banks = sorted({key[:4] for key in self.books.master})
        gone, come = self.random.choice(banks), f"{int(banks[-1]) + 1:04d}"
        master = {key: values for key, values in self.books.master.items() if not key.startswith(gone)}
        branches = sorted(key for key in master if "-" in key)
        renamed = self.random.sample(branches, -(-len(branches) // 3))
        number = self.day.toordinal()
        master |= {key: _row(key, number) for key in (*renamed, come, f"{come}-001", f"{come}-002")}
        self._publish(master)

    def follow(self, context: ZenginContext) -> None:
        follow(context, self.source, self.day)

    def applied(self) -> None:
        """The release has been applied in life: now in the books."""
        self.ends.append(self.books.apply(self.day, self.proposed))
        self.proposed = []

    def edit(self) -> None:
        """Somebody changes a branch that the release changes too, where what that comes to is known.

        Once the release is judged its proposal is fixed, and the row is a conflict; before anything is proposed, the
        release is compared with the master as it is then. After its end the same release would be another one.
        """
        judged = self.ground.verdict(self.day)
        if any(row.day == self.day for row in self.ground.history()):
            return
        if not judged and not self.ground.untouched(self.day):
            return
        key = next(row.key for row in changes(self.books.master, self.target) if _renames(row))
        values = _row(key, -1)
        self.ground.edit(self.day, key, values)
        self.books.edit(self.day, key, values)
        if not judged:
            self.proposed = changes(self.books.master, self.target)

    def differences(self) -> list[str]:
        """What is otherwise than in the books, and what the product's own checks say."""
        with self.ground.worker(self.clock) as calm:
            service.sweep(calm)  # a kill after the last move leaves its audit to the sweeper
            wrong = differences(self.ground, self.books, self.ends)
            return wrong + [
                f"{check.name}: {check.description}" for check in service.check_master(calm) if not check.passed
            ]

    def _publish(self, master: Master) -> None:
        self.target = master
        self.proposed = changes(self.books.master, master)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as packed:
            for name, content in release_files(master).items():
                packed.writestr(name, content)
        scratch = self.ground.scratch
        key = f"releases/{self.day}.zip"
        scratch.s3.put_object(Bucket=scratch.bucket, Key=key, Body=data.getvalue())
        self.source = f"s3://{scratch.bucket}/{key}"


def fewer_banks(case: ReleaseCase) -> list[ReleaseCase]:
    """The same case with each smaller number of banks."""
    return [replace(case, banks=banks) for banks in range(2, case.banks)]


def _renames(change: Change) -> bool:
    return "-" in change.key and change.operation == "update"


def _keys(banks: int) -> list[str]:
    return [key for bank in range(1, banks + 1) for key in (f"{bank:04d}", f"{bank:04d}-001", f"{bank:04d}-002")]


def _row(key: str, number: int) -> Values:
    kind = "支店" if "-" in key else "銀行"
    return f"{kind}{key[-3:]}第{number}", "カナ", "かな", "kana"
