"""Weekly maintenance: indexes, statistics, retention, logs, temporary files, and a look at the database's health.

Each step, and each thing in it, stands alone: what fails is a finding, and the rest goes on. What is done is not done
again by a second run. Dry, it says what would be done and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from batch_platform.core.failures import TransientFailure
from batch_platform.core.logs import in_one_line
from batch_platform.core.messages import from_json
from batch_platform.core.progress import report
from batch_platform.staffing import maintenance as bounds
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.maintenance import Deed, Finding
from batch_platform.staffing.retention import CLASSES, check_holds
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import old_files
from batch_platform.staffing.store.maintenance import Upkeep, open_upkeep
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.weeks import check_sunday

JOB: Final = "maintenance"
LOCK_TIMEOUT: Final = timedelta(seconds=5)
"""A rebuilding waits so long for others, who wait behind it meanwhile."""


@dataclass(frozen=True)
class Maintained:
    """What the maintenance of a Sunday has done, or would do, and what it has found."""

    sunday: date
    deeds: tuple[Deed, ...]
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> int:
        """Deeds that failed."""
        return sum(deed.error is not None for deed in self.deeds)

    @property
    def critical(self) -> int:
        """Findings that cannot wait."""
        return sum(each.severity == "critical" for each in self.findings)


def run(
    context: StaffingContext, sunday: date, *, home: Path, held: Iterable[str] = (), dry_run: bool = False
) -> Maintained:
    """Maintain the platform's database and `home`. `held`: retention classes from which nothing is deleted for now.

    Raises `InvalidInput` for a day that is no Sunday or lies ahead and for an unknown class, `TransientFailure` while
    another process maintains the database.
    """
    check_sunday(sunday, business_day(context.clock()))
    holds = check_holds(tuple(held))
    with open_upkeep(context.pool) as upkeep:
        if not upkeep.take_turn():
            raise TransientFailure("maintenance-running", "another process maintains the database")
        upkeep.set_lock_timeout(LOCK_TIMEOUT)
        return _Run(context, upkeep, sunday, home, holds, dry_run).all()


def findings(
    context: StaffingContext, *, job: str | None = None, partition: date | None = None, severity: str | None = None
) -> list[Row]:
    """Of the newest run of each weekly job, or of a partition; the worst first. `what` and `to_do` are messages."""
    with context.store.snapshot() as session:
        rows = session.maintenance_findings(job, partition, severity)
    return [{**row, "what": from_json(row["what"]), "to_do": from_json(row["to_do"])} for row in rows]


def runs(context: StaffingContext, job: str | None = None) -> list[Row]:
    """Runs of the weekly jobs, the newest partition first; `deeds` are all of the partition."""
    with context.store.snapshot() as session:
        return session.maintenance_runs(job)


@dataclass(frozen=True)
class _Run:
    """One run; each step gives its deeds while it does them."""

    context: StaffingContext
    upkeep: Upkeep
    sunday: date
    home: Path
    holds: frozenset[str]
    dry_run: bool

    def all(self) -> Maintained:
        now = self.context.clock()
        if not self.dry_run:
            with self.context.store.transaction() as session:
                session.begin_maintenance(JOB, self.sunday, now)
        steps: dict[str, Callable[[], Iterable[Deed]]] = {
            "indexes": self.invalid_indexes,
            "statistics": self.statistics,
            "bloat": self.bloat,
            "retention": self.retention,
            "logs": lambda: old_files.rotate_logs(self.home / "logs", now, dry_run=self.dry_run),
            "temporary-files": lambda: old_files.remove_leftovers(self.home, now, dry_run=self.dry_run),
        }
        deeds = [deed for name, step in steps.items() for deed in self._step(name, step)]
        failed = [finding for deed in deeds if (finding := deed.finding)]
        findings = self._unique([*failed, *self._health()])
        if not self.dry_run:
            with self.context.store.transaction() as session:
                session.end_maintenance(JOB, self.sunday, findings, self.context.clock())
        return Maintained(self.sunday, tuple(deeds), tuple(findings))

    def invalid_indexes(self) -> Iterator[Deed]:
        """Leftovers of rebuilding go, others are built anew."""
        for row in self.upkeep.invalid_indexes():
            act, did = (self.upkeep.drop_index, "drop") if row["is_leftover"] else (self.upkeep.reindex, "reindex")
            yield Deed("indexes", _name(row), did, error=self._did(act, row))

    def statistics(self) -> Iterator[Deed]:
        """Count tables that have changed much since they were counted."""
        for row in self.upkeep.stale_tables():
            yield Deed("statistics", _name(row), "analyze", row["changes"], self._did(self.upkeep.analyze, row))

    def bloat(self) -> Iterator[Deed]:
        """Build indexes anew that waste too much; the amount is what that has freed (dry: would free), bytes."""
        for row in self.upkeep.bloated_indexes():
            report(f"reindex {_name(row)}")
            error = self._did(self.upkeep.reindex, row)
            freed = row["wasted"] if self.dry_run or error else row["bytes"] - self.upkeep.index_bytes(row)
            yield Deed("bloat", _name(row), "reindex", freed, error)

    def retention(self) -> Iterator[Deed]:
        """Delete rows whose time is over, but for classes under a legal hold."""
        now = self.context.clock()
        for each in CLASSES:
            if each.action == "keep":
                continue
            count = self.upkeep.count_past(each, now)
            if not count:
                continue
            if each.name in self.holds:
                yield Deed("retention", each.name, "hold", count)
                continue
            try:
                deleted = count if self.dry_run else self.upkeep.delete_past(each, now)
            except psycopg.Error as error:
                if self.upkeep.connection.closed:
                    raise
                yield Deed("retention", each.name, "delete", count, in_one_line(error))
            else:
                yield Deed("retention", each.name, "delete", deleted)

    def _did(self, act: Callable[[Row], str | None], row: Row) -> str | None:
        return None if self.dry_run else act(row)

    def _step(self, name: str, step: Callable[[], Iterable[Deed]]) -> list[Deed]:
        deeds: list[Deed] = []
        try:
            for deed in step():
                deeds.append(deed)  # noqa: PERF402 (those before a failure stay)
        except (psycopg.Error, OSError) as error:
            if self.upkeep.connection.closed:
                raise
            deeds.append(Deed(name, name, "look", error=in_one_line(error)))
        if deeds and not self.dry_run:
            with self.context.store.transaction() as session:
                session.add_deeds(JOB, self.sunday, deeds)
        return deeds

    def _health(self) -> list[Finding]:
        findings = list(self.upkeep.health(self.context.clock()))
        if self.home.is_dir():
            findings += bounds.disk(str(self.home), *old_files.room(self.home))
        return findings

    def _unique(self, findings: Iterable[Finding]) -> list[Finding]:
        return list({(each.kind, each.subject): each for each in findings}.values())


def _name(row: dict[str, Any]) -> str:
    return f"{row['schema']}.{row['name']}"
